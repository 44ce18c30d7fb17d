import { type ComponentType, lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import { Panel } from "@/parts/ErrorPanel";
import { PageHead } from "@/parts/Page";
import { Skeleton } from "@/parts/small";
import { usePhone } from "@/parts/table/usePhone";
import { A, useSection } from "@/shell/address";
import { NotFound } from "@/shell/NotFound";
import { GROUPS, type SettingsSection } from "./section";
import { SECTIONS } from "./sections";
import { useSections } from "./useSections";

const BODIES: ReadonlyMap<string, ComponentType> = new Map(SECTIONS.map(({ id, load }) => [id, lazy(load)]));

/** The list of sections at the left and one of them beside it; on a phone, one after the other. */
export default function SettingsPage() {
  const { t } = useTranslation();
  const phone = usePhone();
  const asked = useSection();
  const seen = useSections();
  const here = asked ? seen.find(({ id }) => id === asked) : phone ? undefined : seen[0];
  if (asked && !here) return <NotFound />;
  if (phone && !here)
    return (
      <div className="h-full overflow-y-auto">
        <PageHead title={t("settings:title")} />
        <Sections seen={seen} />
      </div>
    );
  return (
    <div className="flex h-full min-w-0">
      {!phone && (
        <div className="w-56 shrink-0 overflow-y-auto border-r">
          <p className="px-5 pt-4 pb-1 font-semibold text-lg tracking-tight">{t("settings:title")}</p>
          <Sections seen={seen} here={here} />
        </div>
      )}
      {here && <Body key={here.id} of={here} />}
    </div>
  );
}

function Body({ of }: { of: SettingsSection }) {
  const { t } = useTranslation();
  const phone = usePhone();
  const Content = BODIES.get(of.id);
  return (
    <div className="flex min-w-0 flex-1 flex-col">
      <PageHead title={t(of.title)} back={phone ? { to: "/settings", title: t("settings:title") } : undefined} />
      <div className={cx("min-h-0 flex-1 border-t", of.full ? "overflow-hidden" : "overflow-y-auto")}>
        <Panel>
          <Suspense fallback={<Skeleton className="m-6 h-24" />}>{Content && <Content />}</Suspense>
        </Panel>
      </div>
    </div>
  );
}

function Sections({ seen, here }: { seen: readonly SettingsSection[]; here?: SettingsSection | undefined }) {
  const { t } = useTranslation();
  return (
    <nav aria-label={t("settings:title")} className="px-3 pb-4">
      {GROUPS.map((group) => {
        const own = seen.filter((each) => each.group === group);
        if (own.length === 0) return null;
        return (
          <div key={group} className="pt-3">
            <h2 className="px-2 pb-1 font-medium text-muted text-xs">{t(`settings:groups.${group}`)}</h2>
            <ul>
              {own.map(({ id, title, icon: Icon }) => (
                <li key={id}>
                  <A
                    to={`/settings/${id}`}
                    aria-current={id === here?.id ? "page" : undefined}
                    className={cx(
                      "flex h-8 items-center gap-2.5 rounded-md px-2 pointer-coarse:h-11",
                      id === here?.id
                        ? "bg-accent-soft font-medium text-accent-text"
                        : "text-muted hover:bg-hover hover:text-text",
                    )}
                  >
                    <Icon className="size-4 shrink-0" aria-hidden />
                    <span className="truncate">{t(title)}</span>
                  </A>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </nav>
  );
}
