import { useTranslation } from "react-i18next";
import type { EngineOut } from "@/api";
import { Facts, Section } from "@/parts/Page";
import { Badge } from "@/parts/small";
import { useEngines } from "@/screens/databases/engines";
import { A } from "@/shell/address";
import { Asked } from "../Asked";
import { capable, gapsOf, words } from "./engine";

/** What this server can host and reach, in the engines' own words. */
export default function Engines() {
  const { t } = useTranslation();
  const engines = useEngines();
  return (
    <div className="min-h-24">
      <p className="max-w-2xl px-4 pt-4 text-muted sm:px-6">{t("engines:lead")}</p>
      <Asked of={engines}>
        {(found) => (
          <>
            {found.map((each) => (
              <Engine key={each.name} engine={each} />
            ))}
          </>
        )}
      </Asked>
    </div>
  );
}

function Engine({ engine }: { engine: EngineOut }) {
  const { t } = useTranslation();
  const of = engine.capabilities;
  const hosts = words(of.hosts);
  const gaps = gapsOf(of.gaps);
  return (
    <Section
      title={engine.title}
      aside={
        <A to="/databases" search={{ engine: engine.name }} className="text-accent-text text-sm hover:underline">
          {t("engines:databases")}
        </A>
      }
    >
      <Facts
        facts={[
          [t("engines:versions"), words(of.versions).join(", ") || "–"],
          [t("engines:default"), String(of.default_version ?? "–")],
          [t("engines:hosts"), hosts.map((each) => t(`engines:host.${each}`, { defaultValue: each })).join(", ")],
          [
            t("engines:schemes"),
            words(of.url_schemes)
              .map((each) => `${each}://`)
              .join(", ") || "–",
          ],
        ]}
      />
      <div className="mt-3 flex flex-wrap gap-1.5">
        {capable(of).map((each) => (
          <Badge key={each} tone="good">
            {t(`engines:can.${each}`)}
          </Badge>
        ))}
      </div>
      {gaps.length > 0 && (
        <details className="mt-3">
          <summary className="text-muted text-sm hover:text-text">{t("engines:gaps", { count: gaps.length })}</summary>
          <ul className="mt-2 grid max-w-3xl gap-1 text-sm">
            {gaps.map(({ name, whose, why }) => (
              <li key={name} className="flex flex-wrap items-baseline gap-x-2">
                <code className="text-xs">{name}</code>
                <Badge>{t(`engines:whose.${whose}`, { defaultValue: whose })}</Badge>
                <span className="min-w-0 flex-1 basis-60 text-muted">{why}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Section>
  );
}
