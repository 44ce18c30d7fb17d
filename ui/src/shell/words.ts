import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { recall, remember } from "./store";

export const LANGUAGES = { en: "English", id: "Bahasa Indonesia" } as const;
export type Language = keyof typeof LANGUAGES;
type Words = Record<string, unknown>;

const english = import.meta.glob<Words>("../words/en/*.json", { eager: true, import: "default" });
const others = import.meta.glob<Words>("../words/id/*.json", { import: "default" });

const noun = (path: string) => path.split("/").at(-1)?.replace(".json", "") ?? path;

async function load(language: Language): Promise<void> {
  if (language === "en" || i18next.hasResourceBundle(language, "shell")) return;
  await Promise.all(
    Object.entries(others).map(async ([path, read]) => i18next.addResourceBundle(language, noun(path), await read())),
  );
}

export function language(): Language {
  return i18next.language === "id" ? "id" : "en";
}

export async function speak(wanted: Language): Promise<void> {
  await load(wanted);
  await i18next.changeLanguage(wanted);
  document.documentElement.lang = wanted;
  remember("language", wanted);
}

/** English is there at once; another language before the first screen is drawn. */
export async function startWords(): Promise<void> {
  const browser: Language = navigator.language.startsWith("id") ? "id" : "en";
  const wanted = recall<string>("language", browser) === "id" ? "id" : "en";
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: Object.fromEntries(Object.entries(english).map(([path, words]) => [noun(path), words])) },
    defaultNS: "shell",
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  if (wanted !== "en") await speak(wanted);
}
