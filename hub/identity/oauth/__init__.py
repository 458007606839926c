"""The hub as OAuth 2.1 authorization server: its rules, without HTTP and without SQL.

What the endpoints read and answer is ``hub/web/oauth``'s; who a token belongs to at a call is ``hub/identity``'s.
"""
