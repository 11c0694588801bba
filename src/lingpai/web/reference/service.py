"""The walk through the service's own calls."""

from lingpai.web.request.walks import ExampleStep, Walk

SERVICE = Walk(
    login="",
    values={"token": "a-jwt"},
    gives={"status": "ok", "active": False, "keys": [dict.fromkeys(("crv", "x", "y", "kty", "alg", "use", "kid"), "…")]},
    steps=(
        ExampleStep("/healthz"),
        ExampleStep("/readyz"),
        ExampleStep("/openapi.json", brief=True),
        ExampleStep("/.well-known/jwks.json"),
        ExampleStep("/oauth2/introspect", {"token": "a-jwt"}, user="dev:dev"),
    ),
)
