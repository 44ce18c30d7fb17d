import { expect, test } from "vitest";

type Words = { [key: string]: string | Words };

const files = import.meta.glob<Words>("./*/*.json", { eager: true, import: "default" });

function keys(words: Words, before = ""): string[] {
  return Object.entries(words).flatMap(([key, word]) =>
    typeof word === "string" ? [`${before}${key}`] : keys(word, `${before}${key}.`),
  );
}

/** Indonesian has one plural form: `_one` is English's alone. */
function of(language: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [path, words] of Object.entries(files)) {
    const [, folder, noun] = path.split("/");
    if (folder === language && noun)
      found[noun] = keys(words)
        .filter((key) => !key.endsWith("_one"))
        .sort();
  }
  return found;
}

test("both languages say the same things", () => {
  expect(of("id")).toEqual(of("en"));
  expect(Object.keys(of("en")).length).toBeGreaterThan(0);
});
