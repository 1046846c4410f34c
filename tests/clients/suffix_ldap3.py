"""The Python ldap3 as a reader of the records' own suffix: says what every step gave.

Arguments: port, name, password.
"""
import sys

from ldap3 import ALL, MODIFY_REPLACE, Connection, ObjectDef, Reader, Server

PORT, NAME, PASSWORD = sys.argv[1:]
PEOPLE = "ou=people,dc=bindgate"
ANN = f"uid=ann,{PEOPLE}"

server = Server("127.0.0.1", int(PORT), get_info=ALL)
client = Connection(server, NAME, PASSWORD, auto_bind=True, receive_timeout=20)
print("contexts:", *server.info.naming_contexts)
pages = client.extend.standard.paged_search(
    PEOPLE, "(uid=*)", attributes=["uid", "memberOf"], paged_size=2, generator=True
)
for dn in sorted(entry["dn"] for entry in pages):
    print("page:", dn)
print("compare:", client.compare("cn=A,ou=groups,dc=bindgate", "member", ANN))
found = Reader(client, ObjectDef(["inetOrgPerson"], client), PEOPLE, "uid: ann").search()
print("reader:", *(entry.mail for entry in found))
client.search("cn=subschema,dc=bindgate", "(objectClass=subschema)", "BASE", attributes=["+"])
schema = client.response[0]["raw_attributes"]
print("schema:", any(b"'memberOf'" in value for value in schema["attributeTypes"]))
client.modify(ANN, {"mail": [(MODIFY_REPLACE, ["x@y"])]})
print("modify:", client.result["description"])
user = Connection(server, ANN, "pw-ann")
print("bind:", user.bind(), user.extend.standard.who_am_i())
