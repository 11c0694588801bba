"""The settings of what others run for us: gateways for text messages, and the providers of third-party logins."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lingpai.settings import forms


class Templates(msgspec.Struct, frozen=True):
    """The gateway's names for our texts; one that is empty is not sent."""

    code: Annotated[str, Meta(max_length=64, description="template of a code: takes code and minutes")] = ""
    notice: Annotated[
        str, Meta(max_length=64, description="template that tells that the security of the account was changed: takes nothing")
    ] = ""
    taken: Annotated[str, Meta(max_length=64, description="template that tells of a registration with a taken number: takes nothing")] = ""


class Aliyun(msgspec.Struct, frozen=True):
    """Aliyun SMS (SendSms, 2017-05-25)."""

    access_key_id: Annotated[str, Meta(max_length=128, description="the access key")] = ""
    access_key_secret: Annotated[str, Meta(max_length=256, description="its secret", extra={"secret": True})] = ""
    sign_name: Annotated[str, Meta(max_length=64, description="the signature that stands before each message")] = ""
    base_url: Annotated[str, Meta(description="where it is called", extra={"form": forms.base})] = "https://dysmsapi.aliyuncs.com"
    templates: Templates = Templates()


class Tencent(msgspec.Struct, frozen=True):
    """Tencent Cloud SMS (SendSms, 2021-01-11)."""

    secret_id: Annotated[str, Meta(max_length=128, description="the secret's id")] = ""
    secret_key: Annotated[str, Meta(max_length=256, description="the secret", extra={"secret": True})] = ""
    app_id: Annotated[str, Meta(max_length=64, description="SmsSdkAppId")] = ""
    sign_name: Annotated[str, Meta(max_length=64, description="the signature that stands before each message")] = ""
    region: Annotated[str, Meta(max_length=64, description="X-TC-Region")] = "ap-guangzhou"
    base_url: Annotated[str, Meta(description="where it is called", extra={"form": forms.base})] = "https://sms.tencentcloudapi.com"
    templates: Templates = Templates()


class Webhook(msgspec.Struct, frozen=True):
    """Any other gateway, behind a program of yours: a signed POST for each message (docs/production.md)."""

    url: Annotated[str, Meta(description="where the message is posted", extra={"form": forms.base})] = ""
    secret: Annotated[
        str | None, Meta(description="32 bytes or more: the key of the signature", extra={"form": forms.secret, "secret": True})
    ] = None


class Sms(msgspec.Struct, frozen=True):
    """How text messages leave, and how many."""

    provider: Annotated[
        Literal["none", "aliyun", "tencent", "webhook"],
        Meta(description="who carries them; none: nothing that needs a phone is offered (dev mode catches them)"),
    ] = "none"
    code_length: Annotated[
        Literal[4, 6], Meta(description="digits of a texted code; 4 is what hiyouth's original web client insists on")
    ] = 6
    countries: Annotated[
        tuple[str, ...], Meta(description="regions whose numbers get messages (ISO 3166-1)", extra={"form": forms.region})
    ] = ("CN",)
    daily_budget: Annotated[int, Meta(ge=1, le=10_000_000, description="messages a day in all; past it nothing is sent")] = 1_000
    prefix_hourly: Annotated[
        int, Meta(ge=1, le=10_000_000, description="messages an hour to numbers that begin with the same 7 digits after the +")
    ] = 200
    aliyun: Aliyun = Aliyun()
    tencent: Tencent = Tencent()
    webhook: Webhook = Webhook()


class Keys(msgspec.Struct, frozen=True):
    """An app at QQ Connect or at Weibo; not offered while app_id is empty."""

    app_id: Annotated[str, Meta(max_length=128, description="the app's number")] = ""
    app_secret: Annotated[str, Meta(max_length=256, description="the app's secret", extra={"secret": True})] = ""
    base_url: Annotated[
        str, Meta(description="where the provider is asked, where it is not the usual place", extra={"form": forms.base})
    ] = ""
    redirect_uri: Annotated[
        str,
        Meta(
            description="the address that apps ask for their code with; default our own callback, /connect/…/callback",
            extra={"form": forms.base},
        ),
    ] = ""


class WechatKeys(Keys, frozen=True):
    """WeChat: app_id is that of the website; the other two only where there are such apps."""

    inapp_id: Annotated[str, Meta(max_length=128, description="the service account's app_id, for logins inside WeChat")] = ""
    inapp_secret: Annotated[str, Meta(max_length=256, description="its secret", extra={"secret": True})] = ""
    mini_id: Annotated[str, Meta(max_length=128, description="the mini-program's app_id")] = ""
    mini_secret: Annotated[str, Meta(max_length=256, description="its secret", extra={"secret": True})] = ""


class Social(msgspec.Struct, frozen=True):
    """Logins that a third party vouches for."""

    qq: Keys = Keys()
    weibo: Keys = Keys()
    wechat: WechatKeys = WechatKeys()
    timeout: Annotated[int, Meta(ge=1, le=30, description="seconds that a provider may take for one answer")] = 5
