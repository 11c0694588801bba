"""Whose letter a mailed link came in: its token alone says so (contract, 6.9)."""

from lingpai.core.errors import BadLink
from lingpai.core.model import Address, Purpose, RequestContext
from lingpai.settings.realms import served
from lingpai.steps.services import Services


async def addressee(services: Services, ctx: RequestContext, purpose: Purpose, token: str, spelled: Address | None) -> tuple[str, Address]:
    """The realm and the address that a link was mailed to; it may be spent or replaced since.

    `spelled`: the address that the link itself names, for one that was mailed before tokens were enough; it is one of `ctx.realm` then.
    Raises BadLink, which counts, and Limited for too many wrong ones.
    """
    await services.limits.check("check_client", ctx.client)
    found = await services.one_time.whose_link(purpose, token)
    if found and found[0] in served(services.settings):
        realm, key = found
        return realm, Address("email", key, key)
    if spelled is None:
        await services.limits.spend("check_client", ctx.client)
        why = BadLink()
        await services.audit.note(services.store, ctx, purpose, why.code)
        raise why
    return ctx.realm, spelled
