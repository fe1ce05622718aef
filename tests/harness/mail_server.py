"""An SMTP server that prints what it receives and fails on request.

Prints its port, and then each received mail as a line of JSON. The recipient decides
how a mail is handled: gone@ and later@ are rejected permanently and temporarily,
blocked@ is rejected because of the sender, broken@ because of the content,
cut-before@ and cut-after@ lose the connection, and slow@ gets no reply.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


def to_json(envelope, session):
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    body = lambda kind: mail.get_body((kind,)).get_content()
    return json.dumps({
        "to": envelope.rcpt_tos,
        "from": envelope.mail_from,
        "headers": {name.lower(): str(value) for name, value in mail.items()},
        "names": [name for name, _ in mail.items()],
        "head": envelope.content.split(b"\r\n\r\n")[0].decode(),
        "type": mail.get_content_type(),
        "text": body("plain"),
        "html": body("html"),
        "tls": session.ssl is not None,
        "user": getattr(session, "user", None),
        "peer": session.peer[1],
    })


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        who = address.split("@")[0]
        if who == "gone":
            return "550 5.1.1 no such mailbox"
        if who == "blocked":
            return "554 5.7.1 Client host blocked"
        if who == "later":
            return "451 4.3.0 not now"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        who = envelope.rcpt_tos[0].split("@")[0]
        if who == "broken":
            return "554 5.6.0 not like this"
        if who == "slow":
            await asyncio.sleep(3600)
        if who != "cut-before":
            print(to_json(envelope, session), flush=True)
        if who.startswith("cut-"):
            server.transport.abort()
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    session.user = data.login.decode()
    return AuthResult(success=data.password == b"mail-password")


async def main(certificate=None, key=None):
    options = {"hostname": "sink.example", "enable_SMTPUTF8": True}
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        options |= {
            "tls_context": context,
            "require_starttls": True,
            "authenticator": authenticate,
            "auth_required": True,
        }
    make = lambda: SMTP(Handler(), **options)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
