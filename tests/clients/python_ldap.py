"""python-ldap (libldap) as a client: says what every step gave, over one channel.

Arguments: clear | starttls | ldaps, port, authority, certificate, key.
"""
import sys

import ldap
import ldap.sasl
from ldap.controls import (
    AssertionControl,
    ManageDSAITControl,
    MatchedValuesControl,
    ProxyAuthzControl,
    RelaxRulesControl,
    SimplePagedResultsControl,
)
from ldap.controls.deref import DereferenceControl
from ldap.controls.ppolicy import PasswordPolicyControl
from ldap.controls.readentry import PostReadControl, PreReadControl
from ldap.controls.sessiontrack import SessionTrackingControl
from ldap.controls.sss import SSSRequestControl
from ldap.controls.vlv import VLVRequestControl
from ldap.syncrepl import SyncreplConsumer
from ldap.ldapobject import SimpleLDAPObject

CHANNEL, PORT, AUTHORITY, CERTIFICATE, KEY = sys.argv[1:]
PEOPLE = "ou=people,dc=example,dc=com"
GROUPS = "ou=groups,dc=example,dc=com"
ANN, BOB = f"uid=ann,{PEOPLE}", f"uid=bob,{PEOPLE}"
ADMIN, NEW = "cn=admin,dc=example,dc=com", f"uid=new,{PEOPLE}"
MODIFY = [(ldap.MOD_REPLACE, "description", [b"by python-ldap"])]


class Follower(SimpleLDAPObject, SyncreplConsumer):
    """Content synchronisation, refresh only."""

    seen = 0

    def syncrepl_entry(self, dn, attributes, uuid):
        self.seen += 1

    def syncrepl_present(self, uuids, refreshDeletes=False):
        pass

    def syncrepl_get_cookie(self):
        return None

    def syncrepl_set_cookie(self, cookie):
        pass


def connect(kind=SimpleLDAPObject):
    scheme = "ldaps" if CHANNEL == "ldaps" else "ldap"
    client = kind(f"{scheme}://127.0.0.1:{PORT}")
    client.set_option(ldap.OPT_REFERRALS, 0)
    client.set_option(ldap.OPT_NETWORK_TIMEOUT, 20)
    if CHANNEL != "clear":
        client.set_option(ldap.OPT_X_TLS_CACERTFILE, AUTHORITY)
        client.set_option(ldap.OPT_X_TLS_CERTFILE, CERTIFICATE)
        client.set_option(ldap.OPT_X_TLS_KEYFILE, KEY)
        client.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        client.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    if CHANNEL == "starttls":
        client.start_tls_s()
    return client


def step(name, act):
    try:
        said = act()
    except ldap.LDAPError as error:
        said = f"{type(error).__name__} {sorted(error.args[0].items(), key=str)}"
    print(f"{name}: {said}")


def found(client, *args, **how):
    """A search's entries and the controls of its end, without what differs from run to run."""
    message = client.search_ext(*args, **how)
    _, entries, _, controls = client.result3(message)
    kinds = sorted(control.controlType for control in controls)
    return len(entries), [(dn, sorted(entry.items())) for dn, entry in entries[:4]], kinds


def pages(client):
    control, sizes = SimplePagedResultsControl(True, size=4, cookie=""), []
    while True:
        message = client.search_ext(PEOPLE, 2, "(uid=*)", ["uid"], serverctrls=[control])
        _, entries, _, controls = client.result3(message)
        sizes.append(len(entries))
        control.cookie = next(c.cookie for c in controls if c.controlType == control.controlType)
        if not control.cookie:
            return sizes


def window(client):
    order = SSSRequestControl(ordering_rules=["-entryUUID"])
    view = VLVRequestControl(True, before_count=1, after_count=2, offset=3, content_count=0)
    return found(client, PEOPLE, 2, "(uid=*)", ["uid"], serverctrls=[order, view])


def read_entries(client):
    before, after = PreReadControl(True, ["description"]), PostReadControl(True, ["description"])
    message = client.modify_ext(ANN, MODIFY, serverctrls=[before, after])
    _, _, _, controls = client.result3(message)
    return sorted((control.controlType, str(control.entry)) for control in controls)


def policy(client, password):
    message = client.simple_bind(ANN, password, serverctrls=[PasswordPolicyControl()])
    _, _, _, controls = client.result3(message)
    return sorted((c.controlType, str(getattr(c, "error", None))) for c in controls)


def follow():
    """slapd leaves out what was written last until it has noted that itself, behind its answer."""
    for _ in range(100):
        client = connect(Follower)
        client.simple_bind_s(ADMIN, "admin-secret")
        wanted = len(client.search_s(PEOPLE, 2, "(uid=*)", ["1.1"]))
        message = client.syncrepl_search(PEOPLE, 2, mode="refreshOnly", filterstr="(uid=*)")
        while client.syncrepl_poll(message, all=1):
            pass
        if client.seen >= wanted:
            break
    return client.seen


def by_sasl(mechanism, user, password):
    client = connect()
    handler = {
        "PLAIN": lambda: ldap.sasl.sasl({ldap.sasl.CB_AUTHNAME: user, ldap.sasl.CB_PASS: password}, "PLAIN"),
        "DIGEST-MD5": lambda: ldap.sasl.digest_md5(user, password),
        "CRAM-MD5": lambda: ldap.sasl.cram_md5(user, password),
        "EXTERNAL": ldap.sasl.external,
    }
    scram = lambda: ldap.sasl.sasl(
        {ldap.sasl.CB_AUTHNAME: user, ldap.sasl.CB_PASS: password}, mechanism
    )
    client.set_option(ldap.OPT_X_SASL_SECPROPS, "none,maxssf=0")
    client.sasl_interactive_bind_s("", handler.get(mechanism, scram)())
    who = client.whoami_s()
    return who, found(client, ANN, 0, "(objectClass=*)", ["mail"])


def anonymous():
    client = connect()
    step("root dse", lambda: found(client, "", 0, "(objectClass=*)", ["namingContexts"]))
    step("nobody", client.whoami_s)
    step("nothing for nobody", lambda: found(client, PEOPLE, 2))
    step("schema", lambda: client.search_subschemasubentry_s(""))
    client.unbind_s()


def reads(client):
    step("all", lambda: found(client, PEOPLE, 1, "(uid=*)", ["uid", "cn"]))
    step("utf-8", lambda: found(client, PEOPLE, 1, "(cn=Zoë*)", ["cn"]))
    step("types", lambda: found(client, ANN, 0, attrsonly=1))
    step("too many", lambda: found(client, PEOPLE, 1, sizelimit=2))
    step("no such base", lambda: found(client, "ou=nowhere,dc=example,dc=com", 0))
    step("bad filter", lambda: found(client, PEOPLE, 2, "(uid"))
    step("compare", lambda: [client.compare_s(ANN, "uid", value) for value in (b"ann", b"bob")])
    step("abandon", lambda: client.abandon(client.search(PEOPLE, 2)))
    step("cancel", lambda: client.cancel(client.search(PEOPLE, 2)))


def controls(client):
    step("pages", lambda: pages(client))
    step("window", lambda: window(client))
    for name, control in [
        ("sorted", SSSRequestControl(ordering_rules=["entryUUID"])),
        ("manage dsa it", ManageDSAITControl(True)),
        ("matched values", MatchedValuesControl(True, "(objectClass=person)")),
        ("condition", AssertionControl(True, "(uid=ann)")),
        ("proxied", ProxyAuthzControl(True, f"dn:{BOB}".encode())),
        ("tracked", SessionTrackingControl("192.0.2.1", "c", "1.3.6.1.4.1.21008.108.63.1.3", "a")),
    ]:
        step(name, lambda: found(client, PEOPLE, 2, "(uid=ann)", None, serverctrls=[control]))
    members = DereferenceControl(True, {"member": ["uid"]})
    step("members", lambda: found(client, GROUPS, 1, "(cn=B)", ["cn"], serverctrls=[members]))
    step("read entries", lambda: read_entries(client))
    step("relaxed", lambda: client.modify_ext_s(ANN, MODIFY, [RelaxRulesControl(True)])[0])


def writes(client):
    entry = [("objectClass", [b"inetOrgPerson"]), ("cn", [b"New"]), ("sn", [b"New"])]
    step("add", lambda: client.add_s(NEW, entry)[0])
    step("add again", lambda: client.add_s(NEW, entry)[0])
    step("modify", lambda: client.modify_s(NEW, MODIFY)[0])
    step("rename", lambda: client.rename_s(NEW, "uid=newer", PEOPLE)[0])
    step("delete", lambda: client.delete_s(f"uid=newer,{PEOPLE}")[0])
    step("delete again", lambda: client.delete_s(f"uid=newer,{PEOPLE}"))
    step("password", lambda: client.passwd_s(BOB, None, "fresh"))
    step("back", lambda: client.passwd_s(BOB, None, "pw-bob"))


def main():
    anonymous()
    client = connect()
    step("wrong", lambda: client.simple_bind_s(ANN, "wrong"))
    step("ann", lambda: client.simple_bind_s(ANN, "pw-ann")[0])
    step("who", client.whoami_s)
    step("own", lambda: client.modify_s(ANN, MODIFY)[0])
    step("another's", lambda: client.modify_s(BOB, MODIFY))
    step("policy", lambda: policy(client, "pw-ann"))
    step("policy, wrong", lambda: policy(client, "wrong"))
    step("administrator", lambda: client.simple_bind_s(ADMIN, "admin-secret")[0])
    reads(client)
    controls(client)
    writes(client)
    client.unbind_s()
    step("follow", follow)
    mechanisms = ["PLAIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
    for mechanism in mechanisms + ([] if CHANNEL == "clear" else ["EXTERNAL"]):
        step(mechanism, lambda: by_sasl(mechanism, "ann", "pw-ann"))
        if mechanism != "EXTERNAL":
            step(f"{mechanism}, wrong", lambda: by_sasl(mechanism, "ann", "wrong"))
    print("done")


main()
