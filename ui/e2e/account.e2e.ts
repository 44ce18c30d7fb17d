// One's own account: the second factor set up and used to sign in, a passkey, a new password.
import { createHmac } from "node:crypto";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { Api } from "./kit/api";
import { house, signedIn, tab } from "./kit/browser";
import { axe } from "./kit/checks";

const here = house();
const PASSWORD = "correct horse battery staple";
const STEP_MS = 30_000;

/** RFC 6238 over a base32 secret. */
function totp(secret: string, at: number): string {
  const bits = [...secret.replaceAll("=", "")]
    .map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / STEP_MS)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const from = (digest.at(-1) ?? 0) & 15;
  return String((digest.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** Somebody with an account, and the API as them. */
async function person(name: string): Promise<{ email: string; api: Api }> {
  const email = `${name}@example.org`;
  const { link } = await here.api.post("/invites", { email, role: "developer" });
  const api = new Api(here.server);
  await api.post("/invites/accept", { token: String(link).split("#invite=")[1], name, password: PASSWORD });
  return { email, api };
}

async function signIn(page: Page, email: string, password: string, url = here.server.url): Promise<void> {
  await page.goto(`${url}/settings/second-factor`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

test("an authenticator app is set up with its code, and signing in asks for the next one", async () => {
  const { email, api } = await person("tess");
  const first = await signedIn(here.browser, here.server, api);
  await first.page.goto(`${here.server.url}/settings/second-factor`);
  await first.page.getByRole("button", { name: "Set up" }).click();
  const sheet = first.page.getByRole("dialog");
  await sheet.getByRole("img", { name: "QR code for an authenticator app" }).waitFor();
  expect(await axe(first.page, { within: "[role=dialog]" })).toEqual([]);
  const secret = (await sheet.locator("code").textContent()) ?? "";
  expect(await sheet.getByRole("link").getAttribute("href")).toContain(`secret=${secret}`);
  await sheet.getByLabel("Code", { exact: true }).fill("000000");
  await sheet.getByRole("button", { name: "Confirm" }).click();
  await sheet.getByRole("alert").waitFor();
  await sheet.getByLabel("Code", { exact: true }).fill(totp(secret, Date.now() - STEP_MS)); // a step each: the next one is for signing in
  await sheet.getByRole("button", { name: "Confirm" }).click();
  await first.page.getByText("Keep your recovery codes").waitFor();
  const codes = await first.page.getByRole("dialog").getByRole("listitem").allTextContents();
  expect(codes.length).toBe(10);
  const [file] = await Promise.all([
    first.page.waitForEvent("download"),
    first.page.getByRole("button", { name: "Download" }).click(),
  ]);
  expect(file.suggestedFilename()).toBe("holdfast-recovery-codes.txt");
  await first.page.getByRole("button", { name: "I have kept them" }).click();
  await first.page.getByText("10 left").waitFor();

  const second = await tab(here.browser);
  await signIn(second.page, email, PASSWORD);
  await second.page.getByLabel("Code", { exact: true }).fill(totp(secret, Date.now()));
  await second.page.getByRole("button", { name: "Sign in", exact: true }).click();
  await second.page.getByText("10 left").waitFor();

  const third = await tab(here.browser);
  await signIn(third.page, email, PASSWORD);
  await third.page.getByLabel("Code", { exact: true }).fill(codes[0] ?? "");
  await third.page.getByRole("button", { name: "Sign in", exact: true }).click();
  await third.page.getByText("9 left").waitFor();

  await first.page.getByRole("button", { name: "Remove" }).click();
  await first.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await first.page.getByRole("button", { name: "Set up" }).waitFor();
  expect([...first.errors, ...second.errors, ...third.errors]).toEqual([]);
  await Promise.all([first, second, third].map(({ context }) => context.close()));
});

test("a passkey is made, renamed, signs in alone, and is removed", async () => {
  const { email } = await person("pia");
  const url = here.server.url.replace("127.0.0.1", "localhost");
  const { page, context, errors } = await tab(here.browser);
  const device = await context.newCDPSession(page);
  await device.send("WebAuthn.enable");
  await device.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await signIn(page, email, PASSWORD, url);
  await page.getByRole("button", { name: "Add passkey" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("laptop");
  await page.getByRole("dialog").getByRole("button", { name: "Add passkey" }).click();
  await page.getByText("Keep your recovery codes").waitFor();
  await page.getByRole("button", { name: "I have kept them" }).click();
  await page.getByText("laptop", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Rename: laptop" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("<b>desk</b>");
  await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
  await page.getByText("<b>desk</b>", { exact: true }).waitFor();

  await context.clearCookies();
  await page.goto(`${url}/settings/second-factor`);
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await page.getByText("<b>desk</b>", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Remove passkey: <b>desk</b>" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove passkey" }).click();
  await page.getByText("<b>desk</b>", { exact: true }).waitFor({ state: "detached" });
  expect(errors).toEqual([]);
  await context.close();
});

test("a new password ends the other sessions and keeps this one", async () => {
  const { email, api } = await person("cara");
  const other = new Api(here.server);
  await other.post("/session", { email, password: PASSWORD });
  const { page, errors, context } = await signedIn(here.browser, here.server, api);
  await page.goto(`${here.server.url}/settings/account`);
  await page.getByRole("button", { name: "Change password" }).click();
  const sheet = page.getByRole("dialog");
  expect(await axe(page, { within: "[role=dialog]" })).toEqual([]);
  await sheet.getByLabel("Present password").fill(PASSWORD);
  await sheet.getByLabel("New password", { exact: true }).fill("seventeen goats on a hill");
  await sheet.getByLabel("New password again").fill("seventeen goats on a mill");
  await sheet.getByText("The two are not the same").waitFor();
  await sheet.getByLabel("New password again").fill("seventeen goats on a hill");
  await sheet.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Password changed").waitFor();
  await expect(other.get("/session")).rejects.toThrow("401");
  await page.getByRole("link", { name: "Sessions", exact: true }).click();
  await page.getByText("This one").waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("a program's token is listed and ended", async () => {
  const { email, api } = await person("tom");
  const pair = await api.stranger("/tokens", { email, password: PASSWORD, name: "my <i>script</i>" });
  const asProgram = async () =>
    (await fetch(`${here.server.url}/api/v1/session`, { headers: { authorization: `Bearer ${pair.access_token}` } }))
      .status;
  expect(await asProgram()).toBe(200);
  const { page, errors, context } = await signedIn(here.browser, here.server, api);
  await page.goto(`${here.server.url}/settings/sessions`);
  const row = page.getByRole("listitem").filter({ hasText: "my <i>script</i>" });
  await row.getByRole("button", { name: "Sign out" }).click();
  await row.waitFor({ state: "detached" });
  expect(await asProgram()).toBe(401);
  expect(errors).toEqual([]);
  await context.close();
});
