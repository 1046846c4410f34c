// An administrator's day at the console, in a real browser.
import { Browser, PATIENCE, ask, same } from "./browser.mjs";
import { Plain, words } from "./plain.mjs";

const scene = await ask("begin");
const browser = await Browser.start(scene.url);
const context = await browser.person();
const page = await browser.page(context);
const plain = await Plain.start(browser, scene);
const main = page.getByRole("main");

const at = (path) => page.waitForURL((url) => url.pathname.startsWith(path));
const sees = (locator) => locator.first().waitFor();
const has = (locator) => locator.first().waitFor({ state: "attached" });
const misses = async (locator, what) => same(await locator.count(), 0, what);
const goes = (name) => page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true }).click();
/// The row of a table that is about something.
const row = (name) => main.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
const signsOn = async (uid) => same(await ask("sign-on", { uid }), { code: 0 }, `${uid} signs on`);
const groups = async (uid) => (await ask("groups", { uid })).groups;

/// Logs in by the keyboard alone.
async function logsIn() {
  await browser.open(page, "/console/", "login");
  await at("/console/login");
  const token = page.getByLabel("Token");
  await token.focus();
  await page.keyboard.type(scene.token);
  await page.keyboard.press("Enter");
  await at("/console/");
  await sees(page.getByRole("heading", { name: "Overview" }));
}

/// Finds a user, and sees her groups and the ways to them.
async function findsCarol() {
  await goes("Users");
  await page.getByRole("searchbox", { name: "Search" }).fill("carol");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("rowheader", { name: "carol" }).getByRole("link").click();
  await at("/console/users/");
  const carol = new URL(page.url()).pathname;
  for (const group of scene.ways.carol) await sees(row(group));
  const drawing = main.locator("figure.paths svg");
  await sees(drawing);
  for (const group of scene.ways.carol) await sees(drawing.getByRole("link", { name: group }));
  // of two ways that are as short, the one whose ids come first is kept
  await has(drawing.locator(".edge title").getByText(/^(left|right) is in top$/));
  await browser.look(page, "user");
  await drawing.getByRole("link", { name: "top" }).click();
  await at("/console/groups/");
  const top = new URL(page.url()).pathname;
  const beside = main.locator("figure.neighbours svg");
  await sees(beside.getByRole("link", { name: /left|right/ }));
  if (scene.copied) for (const group of ["left", "right"]) await sees(beside.getByRole("link", { name: group }));
  return { carol, top };
}

/// A user in a cycle of groups: the picture says so.
async function seesACycle() {
  const found = await ask("user", { uid: "cyril" });
  await browser.open(page, `/console/users/rec:${found.id}/explain`, "explain");
  await sees(main.locator("figure.paths .legend").getByText("closes a cycle"));
}

async function sets(value) {
  await goes("User types");
  await row("staff").getByRole("button", { name: value, exact: true }).click();
  await sees(page.getByRole("status").filter({ hasText: `is ${value} from the next sign-on on` }));
}

/// Off, nothing changes at a sign-on; on again, the change arrives, and whoever follows the audit sees it.
async function flipsTheSwitch(carol) {
  await sets("off");
  await ask("join", { uid: "carol", group: "B" });
  await signsOn("carol");
  await page.goto(scene.url + carol);
  await misses(row("B"), "the record is left alone");
  await sets("on");
  const other = await browser.page(context);
  await other.goto(`${scene.url}/console/audit`);
  await sees(other.getByRole("button", { name: "Stop following" }));
  await signsOn("carol");
  await sees(other.locator("tr.fresh").filter({ hasText: "carol" }));
  await browser.look(other, "audit as it is followed");
  await other.close();
  await page.goto(scene.url + carol);
  await sees(row("B"));
}

async function pinsAway(carol) {
  await row("B").getByRole("button", { name: "Pin out of B" }).click();
  await sees(main.getByRole("button", { name: "Unpin B" }));
  await signsOn("carol");
  same((await groups("carol")).includes("B"), false, "a pin outlasts a sign-on");
  await page.goto(scene.url + carol);
  await sees(main.locator("figure.paths .legend").getByText("pinned out"));
  await browser.look(page, "user with a pin");
}

/// An account for an application and a token for a colleague: what is made is shown once.
async function opensDoors() {
  for (const [place, name, made] of [["Accounts", "wiki", "account"], ["Tokens", "zoe", "token"]]) {
    await goes(place);
    await main.getByLabel(/^Name/).fill(name);
    await main.getByRole("button", { name: `Make the ${made}` }).click();
    await sees(page.getByRole("heading", { name: `The ${made} ${name} is made` }));
    const secret = (await main.locator("code.secret").innerText()).trim();
    same(secret.length > 20, true, `the secret of the ${made} is shown`);
    same(page.url().includes(secret), false, "no address holds it");
    await browser.look(page, `${made} that was made`);
    await main.getByRole("link", { name: "It is kept" }).click();
    await sees(main.getByRole("rowheader", { name: new RegExp(`^${name}`) }));
    same((await page.content()).includes(secret), false, "it is shown once");
  }
}

/// Whoever is connected is seen, and can be sent away.
async function endsASession() {
  await ask("connect", { uid: "ann" });
  await goes("Sessions");
  await browser.look(page, "sessions");
  await main.getByRole("button", { name: /^End session/ }).first().click();
  await sees(page.getByRole("status").filter({ hasText: "is ended" }));
}

/// Many lose a group at once: that waits for a word.
async function confirmsWhatIsHeld() {
  for (const uid of scene.people) await ask("join", { uid, group: "level-1" });
  for (const uid of scene.people) await signsOn(uid);
  for (const uid of scene.people) await ask("leave", { uid, group: "level-1" });
  for (const uid of scene.people) await signsOn(uid);
  const last = scene.people.at(-1);
  same((await groups(last)).includes("level-1"), true, "the loss is held");
  await goes("Overview");
  await main.getByRole("link", { name: "Decide" }).first().click();
  await at("/console/held");
  await browser.look(page, "held");
  if (scene.pictures) await pictures([["held", "/console/held"]]);
  await plain.rejectsWhatIsHeld();
  await page.reload();
  await main.getByRole("button", { name: "Confirm" }).first().click();
  await sees(page.getByRole("status").filter({ hasText: "confirmed" }));
  await signsOn(last);
  same((await groups(last)).includes("level-1"), false, "the loss is followed");
}

/// What is to be read on the page that is open, and without scripts too. Some of it passes, how many
/// connections are in use say: then both are loaded again.
async function readsTheSame(path) {
  for (let more = 9; ; more -= 1) {
    await plain.opens(path);
    const [read, script] = [await words(plain.page), await words(page)];
    if (read === script || more === 0) {
      same(read, script, `what is to be read at ${path} without scripts`);
      return read;
    }
    await page.reload({ waitUntil: "load" });
  }
}

/// All pages, each with scripts and without: the same is to be read.
async function looksAtAll({ carol, top }) {
  const filled = (path) => path.replace("/users/{ref}", carol.slice("/console".length))
    .replace("/groups/{ref}", top.slice("/console".length))
    .replace("/accounts/{name}", "/accounts/wiki").replace("/tokens/{name}", "/tokens/zoe");
  const paths = scene.pages.map((path) => `/console${filled(path)}`);
  same(paths.filter((path) => path.includes("{")), [], "every page can be opened");
  await ask("connect", { uid: "ann" });
  for (const path of paths) {
    await browser.open(page, path, path);
    await sees(page.getByRole("heading", { level: 1 }));
    const read = await readsTheSame(path);
    if (read.length < 40) browser.fault(plain.page, `there is nothing to read: ${read}`);
  }
  return paths;
}

/// Each page, light and dark, for the documentation.
async function pictures(all) {
  for (const [name, path] of all) {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: 1000, height: name === "user" ? 1040 : 540 });
      await page.goto(scene.url + path, { waitUntil: "load" });
      await page.screenshot({ path: `${scene.pictures}/${name}-${colorScheme}.png` });
    }
  }
}

const clock = setTimeout(() => {
  console.error("the story took too long, at", page.url());
  process.exit(1);
}, 15 * PATIENCE);
try {
  await logsIn();
  await browser.look(page, "overview");
  const places = await findsCarol();
  await seesACycle();
  await flipsTheSwitch(places.carol);
  await pinsAway(places.carol);
  await confirmsWhatIsHeld();
  await opensDoors();
  await endsASession();
  await looksAtAll(places);
  if (scene.pictures) {
    await pictures([
      ["overview", "/console/"],
      ["users", "/console/users"],
      ["user", places.carol],
      ["explain", `${places.carol}/explain`],
      ["group", places.top],
      ["user-types", "/console/user-types"],
      ["views", "/console/views"],
      ["sessions", "/console/sessions"],
      ["accounts", "/console/accounts"],
      ["tokens", "/console/tokens"],
      ["audit", "/console/audit"],
    ]);
  }
  await plain.sendsAllForms();
  await plain.end();
  await page.getByRole("button", { name: "Log out" }).click();
  await at("/console/login");
  await browser.end();
} catch (error) {
  console.error(`at ${page.url()}:`, error, browser.faults.join("\n"));
  await page.screenshot({ path: `${scene.folder}/last.png` }).catch(() => {});
  process.exit(1);
}
clearTimeout(clock);
process.stdin.destroy();
