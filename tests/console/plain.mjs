// The console without scripts: what is to be read on each page, and every form.
import { ask, same } from "./browser.mjs";

/// A form for which there is nothing to do in a day: no directory is set back.
const LEFT_OUT = ["/directories/{name}/accept-rollback"];

export class Plain {
  /// The forms that did what they are for, by their paths in the table of pages.
  done = new Set();

  static async start(browser, scene) {
    const plain = new Plain();
    plain.scene = scene;
    plain.browser = browser;
    plain.context = await browser.person({ javaScriptEnabled: false });
    plain.page = await browser.page(plain.context);
    plain.page.on("response", (response) => {
      if (response.request().method() === "POST") plain.last = response;
    });
    await plain.logsIn();
    return plain;
  }

  main() {
    return this.page.getByRole("main");
  }

  async opens(path) {
    await this.page.goto(this.scene.url + path, { waitUntil: "load" });
  }

  async logsIn() {
    await this.opens("/console/login");
    await this.page.getByLabel("Token").fill(this.scene.token);
    await this.page.getByRole("button", { name: "Log in" }).click();
    await this.page.getByRole("heading", { name: "Overview" }).waitFor();
  }

  async presses(name) {
    await this.main().getByRole("button", { name, exact: true }).first().click();
  }

  async fills(field, text) {
    await this.main().locator(`input[name="${field}"]`).fill(text);
  }

  async unfolds() {
    await this.main().locator("details.card > summary").first().click();
  }

  /// What is said once on the page that a form leads to.
  async told(text) {
    await this.page.getByRole("status").filter({ hasText: text }).first().waitFor();
  }

  /// Does what the form of that path is for, and sees that it was sent there.
  async does(form, act) {
    this.last = undefined;
    await act();
    const pattern = new RegExp(`^/console${form.replaceAll(/\{[a-z]+\}/g, "[^/]+")}$`);
    const sent = this.last && new URL(this.last.url()).pathname;
    if (!sent || !pattern.test(sent)) this.browser.fault(this.page, `${form} was not sent, but ${sent}`);
    this.done.add(form);
  }

  /// What is held is rejected; who has scripts confirms it later.
  async rejectsWhatIsHeld() {
    await this.does("/held/{id}", async () => {
      await this.opens("/console/held");
      await this.presses("Reject: keep the groups");
      await this.told("rejected");
    });
  }

  async searches() {
    await this.opens("/console/users");
    await this.fills("q", "carol");
    await this.presses("Search");
    await this.main().getByRole("rowheader", { name: "carol" }).waitFor();
    same(await this.main().locator("tbody tr").count(), 1, "one user is found");
    await this.opens("/console/audit");
    await this.fills("user", "carol");
    await this.presses("Filter");
    await this.page.waitForURL((url) => url.searchParams.get("user") === "carol");
    await this.main().getByRole("rowheader", { name: "carol" }).first().waitFor();
  }

  async steersAUser() {
    const { id } = await ask("user", { uid: "erin" });
    const erin = `/console/users/rec:${id}`;
    const simply = async (form, button, text) => this.does(form, async () => {
      await this.opens(erin);
      await this.presses(button);
      await this.told(text);
    });
    await simply("/users/{ref}/sync", "Sync now", "record");
    await simply("/users/{ref}/disable", "Disable", "The user is disabled.");
    await simply("/users/{ref}/enable", "Enable", "The user is enabled.");
    await simply("/users/{ref}/switch", "off", "for this user");
    await this.does("/users/{ref}/groups", async () => {
      await this.opens(erin);
      await this.unfolds();
      await this.fills("group", "top");
      await this.presses("Pin in");
      await this.told("pinned into top");
    });
    await this.does("/users/{ref}/forget", async () => {
      await this.opens(erin);
      await this.main().getByRole("link", { name: "Forget this user" }).click();
      await this.presses("Forget erin");
      await this.told("The record is erased.");
    });
  }

  async steersGroups() {
    const makes = async (name) => {
      await this.opens("/console/groups");
      await this.unfolds();
      await this.fills("name", name);
      await this.presses("Make the group");
      await this.told(`The group ${name} is kept.`);
    };
    await this.does("/groups", () => makes("on call"));
    await this.does("/groups/{ref}/members", async () => {
      await this.fills("user", "ann");
      await this.presses("Put in");
      await this.told("ann is put in.");
    });
    await this.does("/groups/{ref}/delete", async () => {
      await makes("short-lived");
      await this.presses("Take the group away");
      await this.told("The group short-lived is gone.");
    });
  }

  async setsSwitches() {
    for (const [form, path, name] of [["/user-types", "/console/user-types", "staff"], ["/views/{name}", "/console/views", "portal"]]) {
      await this.does(form, async () => {
        await this.opens(path);
        for (const [value, told] of [["off", "is off"], ["default", "as the"]]) {
          await this.page.getByRole("group", { name }).getByRole("button", { name: value }).click();
          await this.told(told);
        }
      });
    }
  }

  async opensDoors() {
    await this.does("/sessions/{id}/end", async () => {
      await ask("connect", { uid: "ann" });
      await this.opens("/console/sessions?bound=true");
      await this.main().getByRole("button", { name: /^End session/ }).first().click();
      await this.told("is ended");
    });
    const secret = this.main().locator("code.secret");
    await this.does("/accounts", async () => {
      await this.opens("/console/accounts");
      await this.fills("name", "plain");
      await this.presses("Make the account");
      await secret.waitFor();
    });
    await this.does("/accounts/{name}/password", async () => {
      await this.opens("/console/accounts/plain/password");
      await this.presses("Make another password");
      await secret.waitFor();
    });
    for (const [form, button, told] of [
      ["/accounts/{name}/disable", "Disable plain", "plain is disabled"],
      ["/accounts/{name}/enable", "Enable plain", "plain is enabled"],
    ]) {
      await this.does(form, async () => {
        await this.opens("/console/accounts");
        await this.presses(button);
        await this.told(told);
      });
    }
    await this.does("/tokens", async () => {
      await this.opens("/console/tokens");
      await this.fills("name", "plain");
      await this.presses("Make the token");
      await secret.waitFor();
    });
    for (const [form, path] of [["/accounts/{name}/revoke", "accounts"], ["/tokens/{name}/revoke", "tokens"]]) {
      await this.does(form, async () => {
        await this.opens(`/console/${path}`);
        await this.main().getByRole("link", { name: "Revoke plain" }).click();
        await this.presses("Revoke plain");
        await this.told("plain is revoked");
      });
    }
  }

  async choosesColours() {
    await this.page.getByRole("button", { name: "dark" }).click();
    await this.page.locator("html[data-theme=dark]").waitFor();
  }

  /// Every form that has not been sent yet, and that none is left out.
  async sendsAllForms() {
    await this.searches();
    await this.choosesColours();
    await this.steersGroups();
    await this.setsSwitches();
    await this.opensDoors();
    await this.steersAUser();
    const left = this.scene.forms.filter((form) => !this.done.has(form) && !LEFT_OUT.includes(form));
    same(left, [], "every form is sent without scripts");
  }

  async end() {
    await this.page.getByRole("button", { name: "Log out" }).click();
    await this.page.getByLabel("Token").waitFor();
    await this.context.close();
  }
}

/// The words that are to be read on a page: without moments, which pass, and without what says that new
/// rows come, which is the one thing that scripts add.
export async function words(page) {
  return page.locator("main").evaluate((main) => {
    const copy = document.importNode(main, true);
    for (const passing of copy.querySelectorAll("time, [data-follow], figure.plot, svg")) passing.remove();
    return copy.textContent.replaceAll(/\s+/g, " ").trim();
  });
}
