import { useTranslation } from "react-i18next";
import { useRunTitle } from "@/parts/RunState";
import { A } from "@/shell/address";
import { said } from "./audit/diff";
import { linkOf } from "./audit/links";
import { measured, plainName } from "./measured";

type Facts = readonly (readonly [string, unknown])[];

/** Lines of a `dl` with two columns: names in words and values with units; an id of what has a page leads there. */
export function Told({ facts }: { facts: Facts }) {
  const { t } = useTranslation();
  return facts.map(([name, value]) => (
    <div key={name} className="contents">
      <dt className="text-muted text-xs leading-5">{t(`results:fields.${name}`, { defaultValue: plainName(name) })}</dt>
      <dd className="[overflow-wrap:anywhere]">
        <One name={name} value={value} />
      </dd>
    </div>
  ));
}

const WORD = /^[a-z][a-z_ -]*$/;
const KIND = /^[a-z_]+\.[a-z_]+$/;

function One({ name, value }: { name: string; value: unknown }) {
  const { t } = useTranslation();
  const title = useRunTitle();
  if (typeof value === "boolean") return t(value ? "results:yes" : "results:no");
  const inUnits = measured(name, value);
  if (inUnits !== null) return <span className="figures">{inUnits}</span>;
  if (Array.isArray(value) && value.every((each) => typeof each === "string" || typeof each === "number"))
    return value.join(", ");
  if (typeof value !== "string") return <code className="text-xs">{said(value)}</code>;
  if (name === "kind" && KIND.test(value)) return title(value);
  if (WORD.test(value)) return t(`results:values.${name}.${value}`, { defaultValue: value });
  const to = linkOf(value);
  if (!to) return /^[a-z]+_[0-9a-z]{20,}$/.test(value) ? <code className="text-xs">{value}</code> : value;
  return (
    <A to={to} className="font-mono text-accent-text text-xs hover:underline">
      {value}
    </A>
  );
}
