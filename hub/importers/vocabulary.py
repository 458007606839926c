"""Vocabulary: the words by which an operation's name tells what it does, and those a name can do without.

Data only; ``words.py`` reads operations by it.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VERBS = _words("""
    get list search find query count read fetch show describe lookup retrieve check validate verify preview export
    download create add new insert make register upload import update edit modify change set patch put replace
    rename move copy delete remove destroy purge clear archive unarchive restore cancel revoke disable enable
    start stop pause resume restart run execute trigger send post publish invite notify assign unassign attach
    detach link unlink merge approve reject accept decline close open lock unlock follow unfollow star unstar pin
    unpin subscribe unsubscribe pay charge refund capture transfer purchase submit sync test generate upsert login
    logout mark schedule watch modify trash untrash save write dump exec kill wait prune resize push pull tag
""")
"""Words that name what an operation does."""

READS = _words("""
    get list search find query count read fetch show describe lookup retrieve check exists has is info stats
    status preview view browse history whoami ping
""")
"""Words of operations that only read."""

SENDS = _words("""
    send email mail sms notify invite publish broadcast tweet forward reply share
""")
"""Words of operations that send something out of the person's own space."""

MESSAGES = _words("""
    message messages sms tweet tweets
""")
"""What is sent by being created."""

MAKES = _words("""
    create insert add post put new import
""")
"""Verbs that together with one of those send something."""

PAYS = _words("""
    pay payment payments charge charges refund refunds payout payouts purchase checkout transfer transfers capture
    withdraw withdrawal topup donate
""")
"""Words of operations that move money."""

DESTROYS = _words("""
    delete remove destroy purge clear revoke drop wipe erase terminate uninstall truncate flush reset prune kill
""")
"""Words of operations after which something is gone."""

CHANGES = _words("""
    create add update edit set put replace rename move copy upload import insert modify change cancel archive
    restore start stop run execute trigger submit sync approve reject merge close enable disable assign register
    post logout mark open lock unlock save write star unstar join leave accept decline
""")
"""Words of operations that change something."""

WEAK = _words("""
    authenticated all specific given existing current new single namespaced resource object operation
""")
"""Words a name can do without next."""

NOISE = _words("""
    the a an of for by with and in to on from api using controller v1 v2 v3 v4 rest public
""")
"""Words a name can do without first."""

NOUNS = _words("""
    message messages mail email notification payment payments transfer transfers charge charges refund refunds
    payout payouts checkout share reply sms open run set import post reset start merge star history public
""")
"""Words that are verbs elsewhere and nouns in what a GET reads."""

SIDE = _words("""
    global emojis licenses gitignore meta feeds versions dispute deprecated admin internal debug health metrics
    webhook webhooks oauth token tokens audit billing legacy beta test batch bulk settings config schema migration
    enterprise scim
""")
"""Words of operations that are not what most people come for."""
