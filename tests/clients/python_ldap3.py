"""The Python ldap3 as a client: says what every step gave, over one channel.

Arguments: clear | starttls | ldaps, port, authority, certificate, key.
"""
import ssl
import sys

from ldap3 import (
    ALL,
    ALL_ATTRIBUTES,
    AUTO_BIND_NONE,
    DIGEST_MD5,
    EXTERNAL,
    MODIFY_REPLACE,
    PLAIN,
    SASL,
    Connection,
    Server,
    Tls,
)
from ldap3.core.exceptions import LDAPException

CHANNEL, PORT, AUTHORITY, CERTIFICATE, KEY = sys.argv[1:]
PEOPLE = "ou=people,dc=example,dc=com"
GROUPS = "ou=groups,dc=example,dc=com"
ANN, BOB = f"uid=ann,{PEOPLE}", f"uid=bob,{PEOPLE}"
ADMIN, NEW = "cn=admin,dc=example,dc=com", f"uid=new,{PEOPLE}"
CHANGE = {"description": [(MODIFY_REPLACE, ["by ldap3"])]}


def connect(**how):
    tls = Tls(
        validate=ssl.CERT_REQUIRED,
        ca_certs_file=AUTHORITY,
        valid_names=["127.0.0.1"],
        local_certificate_file=CERTIFICATE,
        local_private_key_file=KEY,
    )
    secure = CHANNEL == "ldaps"
    server = Server("127.0.0.1", int(PORT), use_ssl=secure, tls=tls, get_info=ALL)
    client = Connection(server, auto_bind=AUTO_BIND_NONE, receive_timeout=20, **how)
    client.open()
    if CHANNEL == "starttls":
        client.start_tls()
    return client


def result(client):
    return client.result["result"], client.result["description"], client.result["message"]


def step(name, client, act):
    try:
        act()
        print(f"{name}: {result(client)}")
    except LDAPException as error:
        print(f"{name}: {type(error).__name__} {error}")


def found(name, client, *args, **how):
    def act():
        client.search(*args, **how)
        for entry in (client.response or [])[:4]:
            print(" ", entry.get("dn"), sorted((k, str(v)) for k, v in entry.get("attributes", {}).items()))
        print(" ", len(client.response or []), sorted((client.result.get("controls") or {}).keys()))

    step(name, client, act)


def pages(client):
    entries = client.extend.standard.paged_search(
        PEOPLE, "(uid=*)", attributes=["uid"], paged_size=4, paged_criticality=True
    )
    print("pages:", [entry["dn"] for entry in entries])


def by_sasl(name, mechanism, credentials):
    client = connect(authentication=SASL, sasl_mechanism=mechanism, sasl_credentials=credentials)
    step(name, client, client.bind)
    print(" ", client.extend.standard.who_am_i() if client.bound else "nobody")
    if client.bound:
        found(f"{name} reads", client, ANN, "(objectClass=*)", attributes=["mail"])
    client.unbind()


def reads(client):
    found("all", client, PEOPLE, "(uid=*)", attributes=["uid", "cn"])
    found("utf-8", client, PEOPLE, "(cn=Zoë*)", attributes=["cn"])
    found("one entry", client, ANN, "(objectClass=*)", attributes=ALL_ATTRIBUTES)
    found("too many", client, PEOPLE, "(uid=*)", size_limit=2)
    found("no such base", client, "ou=nowhere,dc=example,dc=com", "(uid=*)")
    pages(client)
    for value in ("ann", "bob"):
        step("compare", client, lambda: client.compare(ANN, "uid", value))


def writes(client):
    entry = {"objectClass": ["inetOrgPerson"], "cn": "New", "sn": "New"}
    step("add", client, lambda: client.add(NEW, attributes=entry))
    step("add again", client, lambda: client.add(NEW, attributes=entry))
    step("modify", client, lambda: client.modify(NEW, CHANGE))
    step("rename", client, lambda: client.modify_dn(NEW, "uid=newer"))
    step("delete", client, lambda: client.delete(f"uid=newer,{PEOPLE}"))
    step("delete again", client, lambda: client.delete(f"uid=newer,{PEOPLE}"))
    for password in ("fresh", "pw-bob"):
        step(
            "password",
            client,
            lambda: client.extend.standard.modify_password(BOB, new_password=password),
        )
    step("group", client, lambda: client.extend.standard.who_am_i())


def main():
    client = connect()
    print("contexts:", client.server.info.naming_contexts, client.server.info.supported_ldap_versions)
    print("schema:", len(client.server.schema.attribute_types), len(client.server.schema.object_classes))
    print("nobody:", client.extend.standard.who_am_i())
    step("wrong", client, lambda: client.rebind(ANN, "wrong"))
    client.unbind()
    client = connect(user=ANN, password="pw-ann")
    step("ann", client, client.bind)
    print("who:", client.extend.standard.who_am_i())
    step("own", client, lambda: client.modify(ANN, CHANGE))
    step("another's", client, lambda: client.modify(BOB, CHANGE))
    step("administrator", client, lambda: client.rebind(ADMIN, "admin-secret"))
    reads(client)
    writes(client)
    client.unbind()
    for password in ("pw-ann", "wrong"):
        by_sasl(f"plain {password}", PLAIN, ("", "ann", password))
        by_sasl(f"digest {password}", DIGEST_MD5, ("", "ann", password, None))
    if CHANNEL != "clear":
        by_sasl("external", EXTERNAL, ())
    print("done")


main()
