// A browser that watches itself: whatever a page does that it must not do is kept and told at the end.
//
// The test that runs this gives it things to do outside of the browser: a line of JSON on standard output
// asks for one, a line on standard input answers.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../clients/", import.meta.url));
const { chromium } = require("playwright-core");
const axe = require("axe-core");

/// How long anything may take on a machine that does much else.
export const PATIENCE = 60_000;
/// How many bytes a page may have.
const LARGEST = 100_000;
/// A phone.
const NARROW = { width: 360, height: 740 };
const WIDE = { width: 1280, height: 900 };

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/// Has the test do something, and gives its answer.
export async function ask(what, fields = {}) {
  process.stdout.write(JSON.stringify({ do: what, ...fields }) + "\n");
  const { value, done } = await answers.next();
  if (done) throw new Error(`the test went away when asked to ${what}`);
  return JSON.parse(value);
}

export function same(found, expected, what) {
  const [left, right] = [found, expected].map((value) => JSON.stringify(value));
  if (left !== right) throw new Error(`${what}: ${left} is not ${right}`);
}

export class Browser {
  /// What pages did that they must not do.
  faults = [];

  static async start(base) {
    const browser = new Browser();
    browser.base = base;
    browser.program = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
      timeout: PATIENCE,
    });
    return browser;
  }

  /// Somebody's window, with cookies of its own unless they are handed in.
  async person(options = {}) {
    const context = await this.program.newContext({ viewport: WIDE, reducedMotion: "reduce", ...options });
    context.setDefaultTimeout(PATIENCE);
    return context;
  }

  async page(context) {
    const page = await context.newPage();
    await page.addInitScript(() => {
      window.violations = [];
      addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.fault(page, `console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.fault(page, `script: ${error}`));
    page.on("request", (request) => {
      const { origin } = new URL(request.url());
      if (origin !== this.base) this.fault(page, `asked ${request.url()}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) this.fault(page, `${response.status()} for ${response.url()}`);
    });
    return page;
  }

  fault(page, what) {
    this.faults.push(`${page.url()}: ${what}`);
  }

  /// Everything that holds of any page, of the one that is open.
  async look(page, name) {
    const policy = await page.evaluate(() => window.violations);
    policy.forEach((what) => this.fault(page, `content security policy: ${what}`));
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await this.accessible(page, `${name}, ${colorScheme}`);
    }
    await page.setViewportSize(NARROW);
    const [needed, there] = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.scrollingElement;
      return [scrollWidth, clientWidth];
    });
    if (needed > there) this.fault(page, `${name} scrolls sideways: ${needed} > ${there}`);
    await this.accessible(page, `${name} on a phone`);
    await page.setViewportSize(WIDE);
    await page.emulateMedia({ colorScheme: "light" });
  }

  async accessible(page, name) {
    if (!(await page.evaluate(() => typeof window.axe === "object"))) await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => window.axe.run());
    for (const { id, help, nodes } of violations) {
      const where = nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary}`);
      this.fault(page, `${name}: axe ${id} (${help}): ${where.join(" | ")}`);
    }
  }

  /// A page opened by its address: answered, small, and looked at.
  async open(page, path, name) {
    const response = await page.goto(this.base + path, { waitUntil: "load" });
    const { length } = await response.body();
    if (length > LARGEST) this.fault(page, `${name} has ${length} bytes`);
    await this.look(page, name);
  }

  /// What is to be read on a page, script or not.
  async read(page, path) {
    await page.goto(this.base + path, { waitUntil: "load" });
    return page.locator("main").innerText();
  }

  async end() {
    await this.program.close();
    if (this.faults.length > 0) throw new Error(`\n${this.faults.join("\n")}`);
  }
}
