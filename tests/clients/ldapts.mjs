// ldapts as a client: says what every step gave, over one channel.
// Arguments: clear | starttls | ldaps, port, authority, certificate, key.
import { readFileSync } from 'node:fs';
import { Attribute, Change, Client, ServerSideSortingRequestControl } from 'ldapts';

const [channel, port, authority, certificate, key] = process.argv.slice(2);
const people = 'ou=people,dc=example,dc=com';
const [ann, bob] = [`uid=ann,${people}`, `uid=bob,${people}`];
const [admin, fresh] = ['cn=admin,dc=example,dc=com', `uid=new,${people}`];
const tls = {
  ca: [readFileSync(authority)],
  cert: readFileSync(certificate),
  key: readFileSync(key),
  host: '127.0.0.1',
};

async function connect() {
  const scheme = channel === 'ldaps' ? 'ldaps' : 'ldap';
  const client = new Client({
    url: `${scheme}://127.0.0.1:${port}`,
    timeout: 20000,
    connectTimeout: 20000,
    tlsOptions: channel === 'ldaps' ? tls : undefined,
  });
  if (channel === 'starttls') await client.startTLS(tls);
  return client;
}

async function step(name, act) {
  try {
    console.log(`${name}: ${JSON.stringify(await act())}`);
  } catch (error) {
    console.log(`${name}: ${error.name} ${error.code} ${error.message}`);
  }
}

const replace = (type, values) =>
  new Change({ operation: 'replace', modification: new Attribute({ type, values }) });

async function whoAmI(client) {
  return (await client.exop('1.3.6.1.4.1.4203.1.11.3')).value;
}

async function pages(client) {
  const sizes = [];
  const search = { scope: 'one', filter: '(uid=*)', attributes: ['uid'], paged: { pageSize: 4 } };
  for await (const page of client.searchPaginated(people, search)) {
    sizes.push(page.searchEntries.map((entry) => entry.dn));
  }
  return sizes;
}

async function reads(client) {
  const all = { scope: 'one', filter: '(uid=*)', attributes: ['uid', 'cn'] };
  await step('all', () => client.search(people, all));
  await step('utf-8', () => client.search(people, { ...all, filter: '(cn=Zoë*)' }));
  await step('one entry', () => client.search(ann, { scope: 'base' }));
  await step('types', () => client.search(ann, { scope: 'base', returnAttributeValues: false }));
  await step('too many', () => client.search(people, { ...all, sizeLimit: 2 }));
  await step('no such base', () => client.search('ou=nowhere,dc=example,dc=com', all));
  await step('in one go', () => client.search(people, { ...all, paged: true }));
  await step('pages', () => pages(client));
  const sorted = new ServerSideSortingRequestControl({ value: { attributeType: 'entryUUID' } });
  await step('sorted', () => client.search(people, all, [sorted]));
  await step('compare', () => client.compare(ann, 'uid', 'ann'));
  await step('compare another', () => client.compare(ann, 'uid', 'bob'));
  await step('compare nothing', () => client.compare('uid=x,dc=example,dc=com', 'uid', 'x'));
}

async function writes(client) {
  const entry = { objectClass: ['inetOrgPerson'], cn: 'New', sn: 'New' };
  await step('add', () => client.add(fresh, entry));
  await step('add again', () => client.add(fresh, entry));
  await step('modify', () => client.modify(fresh, replace('description', ['by ldapts'])));
  await step('rename', () => client.modifyDN(fresh, 'uid=newer'));
  await step('delete', () => client.del(`uid=newer,${people}`));
  await step('delete again', () => client.del(`uid=newer,${people}`));
  await step('unknown operation', () => client.exop('1.2.3.4.5', 'x'));
}

async function bySasl(name, ...credentials) {
  const client = await connect();
  await step(name, () => client.bind(...credentials));
  await step(`${name} is`, () => whoAmI(client));
  await client.unbind();
}

async function main() {
  let client = await connect();
  await step('root dse', () => client.search('', { scope: 'base', attributes: ['namingContexts'] }));
  await step('nobody', () => whoAmI(client));
  await step('wrong', () => client.bind(ann, 'wrong'));
  await client.unbind();
  client = await connect();
  await step('ann', () => client.bind(ann, 'pw-ann'));
  await step('who', () => whoAmI(client));
  await step('own', () => client.modify(ann, replace('description', ['by ldapts'])));
  await step("another's", () => client.modify(bob, replace('description', ['by ldapts'])));
  await step('administrator', () => client.bind(admin, 'admin-secret'));
  await reads(client);
  await writes(client);
  await client.unbind();
  if (channel !== 'clear') await bySasl('external', 'EXTERNAL');
  console.log('done');
}

await main();
