import { useTranslation } from "react-i18next";
import { useRunTitle } from "@/parts/RunState";
import { A } from "@/shell/address";
import { said } from "./audit/diff";
import { linkOf } from "./audit/links";
import { linesIn, measured, plainName, tellable } from "./measured";

type Facts = readonly (readonly [string, unknown])[];

/** Lines of a `dl` with two columns: names in words and values with units; an id of what has a page leads there. */
export function Told({ facts }: { facts: Facts }) {
  const named = useFieldName();
  const isReading = facts.some(([name]) => name === "read_data");
  return facts.map(([name, value]) => (
    <div key={name} className="contents">
      <dt className="text-muted text-xs leading-5">{named(isReading && name === "bytes" ? "bytes_read" : name)}</dt>
      <dd className="[overflow-wrap:anywhere]">
        {typeof value === "object" ? <Many of={value} /> : <One name={name} value={value} />}
      </dd>
    </div>
  ));
}

function useFieldName(): (name: string) => string {
  const { t } = useTranslation();
  return (name) => t(`results:fields.${name}`, { defaultValue: plainName(name) });
}

/** A list, or things within a thing a line each; what lies deeper is said as it came. */
function Many({ of }: { of: unknown }) {
  const named = useFieldName();
  if (Array.isArray(of) && of.every((each) => typeof each !== "object")) return of.join(", ");
  const lines = linesIn(of);
  if (lines === null) return <code className="text-xs">{said(of)}</code>;
  return (
    <ul>
      {lines.map(([title, { resource_name, ...inner }]) => (
        <li key={title ?? said(inner)}>
          {title && <span className="font-medium">{plainName(title)}: </span>}
          {typeof resource_name === "string" && <span className="font-medium">{resource_name}: </span>}
          {tellable(inner).map(([name, value], nth) => (
            <span key={name}>
              {nth > 0 && <span className="text-faint"> · </span>}
              <span className="text-muted text-xs">{named(name)} </span>
              <One name={name} value={value} />
            </span>
          ))}
        </li>
      ))}
    </ul>
  );
}

const WORD = /^[a-z][a-z_ -]*$/;
const KIND = /^[a-z_]+\.[a-z_]+$/;
const ID = /^[a-z]+_[0-9a-z]{20,}$/;

function One({ name, value }: { name: string; value: unknown }) {
  const { t } = useTranslation();
  const title = useRunTitle();
  if (typeof value === "boolean") return t(value ? "results:yes" : "results:no");
  const inUnits = measured(name, value);
  if (inUnits !== null) return <span className="figures">{inUnits}</span>;
  const text = String(value);
  if (name === "kind" && KIND.test(text)) return title(text);
  if (WORD.test(text)) return t(`results:values.${name}.${text}`, { defaultValue: text });
  const to = linkOf(text);
  if (!to) return ID.test(text) ? <code className="text-xs">{text}</code> : text;
  return (
    <A to={to} className="font-mono text-accent-text text-xs hover:underline">
      {text}
    </A>
  );
}
