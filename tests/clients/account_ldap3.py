"""What an application does that has an account of the gateway's own: it looks a user up with her groups, and
binds as her on another connection."""

import sys

from ldap3 import BASE, MODIFY_REPLACE, SUBTREE, Connection, Server

port, account, password, people = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
server = Server("127.0.0.1", port=port)

application = Connection(server, account, password)
print("account:", application.bind(), application.extend.standard.who_am_i())

application.search(people, "(uid=ann)", SUBTREE, attributes=["uid", "memberOf"])
(entry,) = application.entries
print("found:", entry.entry_dn, entry.uid.value, *sorted(entry.memberOf.values))

user = Connection(server, entry.entry_dn, "pw-ann")
print("user:", user.bind(), user.extend.standard.who_am_i())
wrong = Connection(server, entry.entry_dn, "wrong")
wrong.bind()
print("wrong:", wrong.result["description"])

print("compare:", application.compare(entry.entry_dn, "uid", "ann"))
application.modify(entry.entry_dn, {"description": [(MODIFY_REPLACE, ["x"])]})
print("modify:", application.result["description"])
assert application.search(entry.entry_dn, "(objectClass=*)", BASE)
