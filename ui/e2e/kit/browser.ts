// Debian's Chromium through playwright-core: the program is found, never downloaded.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { Api } from "./api";
import { Server } from "./server";

export function program(): string {
  if (process.env.HOLDFAST_CHROMIUM) return process.env.HOLDFAST_CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter))
    for (const name of ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"])
      if (existsSync(join(folder, name))) return join(folder, name);
  throw new Error("Debian's chromium-headless-shell is missing: make system-parts");
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: program(),
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}

/** A tab, and what went wrong in it: errors of scripts, refusals of the policy, answers of 500 and above. */
export interface Tab {
  page: Page;
  context: BrowserContext;
  errors: string[];
}

export async function tab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy|Trusted Type/.test(message.text()))
      errors.push(message.text());
  });
  page.on("response", (answer) => {
    if (answer.status() >= 500) errors.push(`${answer.status()} ${answer.url()}`);
  });
  return { page, context, errors };
}

/** With the API's own session, so that a test of something else need not type a password. */
export async function signedIn(
  browser: Browser,
  server: Server,
  api: Api,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const made = await tab(browser, options);
  await made.context.addCookies([{ ...api.session, url: server.url, httpOnly: true, sameSite: "Strict" }]);
  return made;
}

export interface House {
  browser: Browser;
  server: Server;
  api: Api;
}

/** A browser and a server for the tests of one file. With `owner: false` nobody owns it yet; `env` is the server's. */
export function house(options: { owner?: boolean; env?: Record<string, string> } = {}): House {
  const made = {} as House;
  beforeAll(async () => {
    [made.server, made.browser] = await Promise.all([Server.start(options.env), launch()]);
    if (options.owner !== false) made.api = await Api.owner(made.server);
  });
  afterAll(async () => {
    await Promise.all([made.browser?.close(), made.server?.close()]);
  });
  return made;
}
