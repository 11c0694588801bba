"""Who the stories are about."""

from web.speakers import Maillink
from web.town import Town

ADA = "ada@example.com"
GOOD = "correct horse battery"


async def member(town: Town, email: str = ADA, password: str = GOOD) -> Maillink:
    """Somebody registered and active."""
    person = Maillink(town)
    await person.register(email, password)
    await person.prove(email)
    return person
