"""The rows about the ingress and the balancer, which have scrapes of their own."""

from __future__ import annotations

from typing import Final

from testkit.dashboard.panels import GREEN, ORANGE, Panel, Query, Row

INGRESS: Final = Row(
    "Does the ingress keep up?",
    (
        Panel(
            "Queue", "1 while the process reaches its queue.",
            (Query('mcp_ingress_up{job="dungeonfighter-ingress"}', "{{instance}}"),),
            alerts=("IngressDown",), decimals=0, top=1,
        ),
        Panel(
            "Messages that wait", "Messages that are not answered yet, by stream and in all. Every process "
            "reports all streams, so the highest value counts.",
            (
                Query(
                    'max by (stream) (mcp_ingress_lag{job="dungeonfighter-ingress"})', "stream {{stream}}"
                ),
                Query('sum(max by (stream) (mcp_ingress_lag{job="dungeonfighter-ingress"}))', "all"),
            ),
            alerts=("IngressLags",), decimals=0,
        ),
        Panel(
            "Messages by outcome", "`error`: the answer is an error. `dead`: nobody could answer.",
            (
                Query(
                    "sum by (outcome) (rate(mcp_ingress_messages_total"
                    '{job="dungeonfighter-ingress"}[$__rate_interval]))',
                    "{{outcome}}",
                ),
            ),
            unit="ops",
        ),
        Panel(
            "Dead letters by reason", "In the last 15 minutes. The runbook says how to look at them and to "
            "send them once more.",
            (
                Query(
                    "sum by (reason) (increase(mcp_ingress_dead_letters_total"
                    '{job="dungeonfighter-ingress"}[15m]))',
                    "{{reason}}",
                ),
            ),
            alerts=("IngressDeadLetters",), steps=((1, ORANGE),),
        ),
        Panel(
            "Streams held", "How many of the streams each process works on; together 16 while all is well.",
            (Query('mcp_ingress_streams_held{job="dungeonfighter-ingress"}', "{{instance}}"),),
            decimals=0, is_stacked=True,
        ),
        Panel(
            "Store of the ingress", "1 while the process reaches the database.",
            (Query('mcp_store_up{job="dungeonfighter-ingress"}', "{{instance}}"),),
            alerts=("IngressDown",), decimals=0, top=1,
        ),
    ),
    is_closed=True,
)  # fmt: skip

BALANCER: Final = Row(
    "Do clients reach it?",
    (
        Panel(
            "Servers of the balancer", "Servers that HAProxy sends calls to, by backend.",
            (Query('haproxy_backend_active_servers{job="haproxy"}', "{{proxy}}"),),
            alerts=("BalancerHasNoServer",), decimals=0,
        ),
        Panel(
            "Answers of the balancer", "By class of status. 5xx: HAProxy had no server, or lost one.",
            (
                Query(
                    "sum by (code) (rate(haproxy_frontend_http_responses_total"
                    '{job="haproxy",proxy="game"}[$__rate_interval]))',
                    "{{code}}",
                ),
            ),
            unit="ops",
        ),
        Panel(
            "Connections of clients", "Connections that HAProxy holds open now.",
            (Query('haproxy_frontend_current_sessions{job="haproxy",proxy="game"}', "{{instance}}"),),
            decimals=0,
        ),
        Panel(
            "Calls sent again", "Calls that HAProxy sent to another server, because none of their bytes had "
            "left.",
            (
                Query(
                    "sum by (proxy) (rate(haproxy_backend_redispatch_warnings_total"
                    '{job="haproxy"}[$__rate_interval]))',
                    "{{proxy}}",
                ),
            ),
            unit="ops",
        ),
        Panel(
            "Public address", "1 while a probe from outside gets a good answer.",
            (Query('probe_success{job="dungeonfighter-probe"}', "{{instance}}"),),
            alerts=("PublicAddressDown",), decimals=0, top=1,
        ),
        Panel(
            "Certificate ends in", "Until the certificate that clients get is no longer valid. No line: the "
            "address that is probed has no TLS.",
            (
                Query(
                    'probe_ssl_earliest_cert_expiry{job="dungeonfighter-probe"} - time()', "{{instance}}"
                ),
            ),
            alerts=("CertificateExpires",), unit="s",
            steps=((259_200, ORANGE), (1_209_600, GREEN)),
        ),
    ),
    is_closed=True,
)  # fmt: skip
