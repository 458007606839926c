"""The pages by which people sign in, look after their own account, and, for admins, after each other.

Routes read a request, ask ``hub/identity/people``, and show. Not the OAuth endpoints of MCP clients, nor the console.
"""
