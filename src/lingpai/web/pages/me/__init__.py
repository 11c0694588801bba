"""`/me`: one's own space. One file a page; who may see it is judged in `owner.py`.

Every form that has done its work leads on by GET; `?done=` names what it did, out of a fixed set.
"""

from lingpai.web.pages.me import (
    confirm,
    contact,
    data,
    devices,
    history,
    invites,
    name,
    overview,
    password,
    profile,
    questions,
    safety,
    security,
)

CALLS = (
    *overview.CALLS,
    *profile.CALLS,
    *security.CALLS,
    *safety.CALLS,
    *password.CALLS,
    *name.CALLS,
    *contact.CALLS,
    *questions.CALLS,
    *confirm.CALLS,
    *devices.CALLS,
    *history.CALLS,
    *invites.CALLS,
    *data.CALLS,
)
