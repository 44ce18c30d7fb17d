import type { ClassOut, PricesOut } from "@/api";

/** `12.3 EUR`; three digits for what is less than one. A currency nobody has heard of is still said. */
export function money(value: number, currency: string, locale: string): string {
  const digits = Math.abs(value) < 1 && value !== 0 ? 4 : 2;
  const number = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: digits });
  return `${number.format(value)} ${currency}`;
}

/** Prices as they are typed, by class: of those that hold something and those that may. */
export function priceNames(classes: readonly ClassOut[], usable: readonly string[], known: PricesOut | null): string[] {
  return [...new Set([...classes.map(({ name }) => name), ...usable, ...Object.keys(known?.per_gb_month ?? {})])];
}

/** What was typed as the API takes it; null forgets the prices. */
export function pricesOf(currency: string, typed: Readonly<Record<string, string>>): PricesOut | null {
  const said = Object.entries(typed)
    .map(([name, text]) => [name, Number(text.trim().replace(",", "."))] as const)
    .filter(([name, price]) => typed[name]?.trim() && Number.isFinite(price) && price >= 0);
  if (said.length === 0 || !currency.trim()) return null;
  return { currency: currency.trim(), per_gb_month: Object.fromEntries(said) };
}
