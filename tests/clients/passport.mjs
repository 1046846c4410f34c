// A site with one page, which says who has logged in (HTTP Basic), by Passport's LDAP strategy.
// Called with a port and the file that exports the strategy's `server`.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import passport from "passport";
import LdapStrategy from "passport-ldapauth";

const [port, configuration] = process.argv.slice(2);
const { server } = await import(pathToFileURL(configuration));

function credentialsLookup(request) {
  const [, encoded] = request.headers.authorization.split(" ");
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

passport.use(new LdapStrategy({ server, credentialsLookup }));

createServer((request, response) => {
  const say = (code, text) => {
    response.writeHead(code);
    response.end(text);
  };
  passport.authenticate("ldapauth", { session: false }, (error, user) => {
    if (error) {
      console.error(error);
      say(500, String(error));
    } else if (user) {
      const groups = user._groups.map((group) => group.cn).sort();
      say(200, `${user.uid} ${user.mail} ${groups}`);
    } else {
      say(401, "refused");
    }
  })(request, response);
}).listen(Number(port), "127.0.0.1");
