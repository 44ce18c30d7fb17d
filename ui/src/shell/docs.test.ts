// The dashboard's pages of the documentation: each screen has one, the site lists all of them, links lead somewhere.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SCREENS } from "@/screens";
import { SECTIONS } from "@/screens/settings/sections";
import words from "../words/en/shell.json";
import { has, resolved } from "./helpPages";
import { SHORTCUTS, shown } from "./shortcuts";

const DOCS = join(__dirname, "../../../docs");
const PAGES = readdirSync(join(DOCS, "dashboard")).sort();

function text(page: string): string {
  return readFileSync(join(DOCS, "dashboard", page), "utf8");
}

test("every screen and every section of the settings names a page that there is", () => {
  const without = [...SCREENS, ...SECTIONS].filter(({ docs }) => !docs || !has(`dashboard/${docs}`));
  expect(without.map(({ title, docs }) => `${title}: ${docs ?? "names none"}`)).toEqual([]);
});

test("the site lists every page of the dashboard, and each begins with its title", () => {
  const site = readFileSync(join(DOCS, "../mkdocs.yml"), "utf8");
  const listed = [...site.matchAll(/: dashboard\/(\S+\.md)$/gm)].map(([, page]) => page).sort();
  expect(listed).toEqual(PAGES);
  expect(PAGES.filter((page) => !/^# \S/.test(text(page)))).toEqual([]);
});

test("links between pages lead to pages that the help has", () => {
  const dead = PAGES.flatMap((page) =>
    [...text(page).matchAll(/(?<!!)\[[^\]]*\]\(([^)]+)\)/g)]
      .filter(
        ([, href]) => !/^https:/.test(href ?? "") && !resolved(`dashboard/${page.replace(".md", "")}`, href ?? ""),
      )
      .map(([, href]) => `${page}: ${href}`),
  );
  expect(dead).toEqual([]);
});

test("a link out of the folder is resolved, and one to what the help has not is none", () => {
  expect(resolved("dashboard/overview", "../how-to/tags.md#rules")).toBe("how-to/tags");
  expect(resolved("how-to/tags", "retention.md")).toBe("how-to/retention");
  expect(resolved("dashboard/overview", "../reference/api.md")).toBe(null);
  expect(resolved("dashboard/overview", "https://example.org/a.md")).toBe(null);
});

/** As the sheet shows them, in words. */
function keyboard(): string {
  const keys = words.keys as Record<string, string>;
  const groups = words.groups as Record<string, string>;
  const parts = Object.entries(groups).map(([group, title]) => {
    const own = SHORTCUTS.filter((each) => each.group === group);
    const rows = own.map(({ id, keys: pressed }) => {
      const steps = shown(pressed, false).map((step) => step.join(" "));
      return `| \`${steps.join(" ")}\` | ${keys[id.replace(".", "_")]} |`;
    });
    return `## ${title}\n\n| Keys | |\n|---|---|\n${rows.join("\n")}\n`;
  });
  return parts.join("\n");
}

test("the page of the keyboard is what the list of shortcuts says (HOLDFAST_WRITE=1 writes it)", () => {
  const file = join(DOCS, "dashboard", "keyboard.md");
  const [front = ""] = text("keyboard.md").split(/^## /m, 1);
  if (process.env.HOLDFAST_WRITE) writeFileSync(file, front + keyboard());
  expect(text("keyboard.md")).toBe(front + keyboard());
});
