"""Which providers the operator has keys for."""

from lingpai.settings.outside import Social
from lingpai.social import Provider, ProviderName
from lingpai.social.http import Http
from lingpai.social.qq import QQ
from lingpai.social.wechat import Wechat
from lingpai.social.weibo import Weibo


def providers(social: Social) -> dict[ProviderName, Provider]:
    """Those with an app; WeChat with any of its three. The caller closes each."""
    offered: dict[ProviderName, Provider] = {}
    if social.qq.app_id:
        offered["qq"] = QQ(social.qq, Http(social.timeout))
    if social.weibo.app_id:
        offered["weibo"] = Weibo(social.weibo, Http(social.timeout))
    if social.wechat.app_id or social.wechat.inapp_id or social.wechat.mini_id:
        offered["wechat"] = Wechat(social.wechat, Http(social.timeout))
    return offered
