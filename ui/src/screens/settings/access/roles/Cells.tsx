import { Check, Minus } from "lucide-react";
import { Fragment, type KeyboardEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoleOut } from "@/api";
import { cx } from "@/parts/classes";
import { A } from "@/shell/address";
import { useCan, useWho } from "@/shell/session";
import { byNoun } from "../shared/roles";
import { type Draft, holds, moved } from "./matrix";

interface Props {
  /** A permission and what it allows. */
  rows: readonly (readonly [string, string])[];
  columns: readonly RoleOut[];
  draft: Draft;
  onFlip: (role: string, permission: string) => void;
}

/**
 * The matrix itself. One of its ticks is reached by Tab, the others by arrows: with a hundred permissions Tab alone
 * would never lead past it.
 */
export function Cells({ rows, columns, draft, onFlip }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const { permissions: own } = useWho();
  const table = useRef<HTMLTableElement>(null);
  const [place, setPlace] = useState<readonly [number, number]>([0, 0]);
  const texts = new Map(rows);
  const names = rows.map(([name]) => name);
  const mine = can("role.manage") ? columns.filter(({ built_in }) => !built_in) : [];
  const at = [Math.min(place[0], rows.length - 1), Math.min(place[1], mine.length - 1)] as const;

  function onKeyDown(event: KeyboardEvent) {
    const next = moved(event.key, at, rows.length, mine.length);
    if (!next || mine.length === 0) return;
    event.preventDefault();
    setPlace(next);
    const box = table.current?.querySelector<HTMLInputElement>(`[data-at="${next[0]} ${next[1]}"]`);
    box?.focus();
    box?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and without ticks nothing in it takes the focus
    <section className="min-h-0 flex-1 overflow-auto inset-ring-focus" aria-label={t("roles:matrix")} tabIndex={0}>
      <table ref={table} className="w-full scroll-pt-10 border-separate border-spacing-0 text-sm">
        <thead>
          <tr>
            <th
              scope="col"
              className="sticky top-0 left-0 z-20 border-b bg-panel px-4 py-2 text-left font-medium text-muted text-xs sm:px-6"
            >
              {t("roles:permission")}
            </th>
            {columns.map((role) => (
              <th key={role.id} scope="col" className="sticky top-0 z-10 border-b bg-panel px-2 py-2 text-xs">
                <A
                  to={`/settings/roles/${role.id}`}
                  className={cx("font-medium hover:underline", role.built_in ? "text-muted" : "text-accent-text")}
                >
                  {role.name}
                </A>
              </th>
            ))}
          </tr>
        </thead>
        <tbody onKeyDown={onKeyDown}>
          {byNoun(names).map(([noun, inside]) => (
            <Fragment key={noun}>
              <tr>
                <th
                  scope="colgroup"
                  colSpan={columns.length + 1}
                  className="sticky left-0 px-4 pt-4 pb-1 text-left font-semibold text-sm sm:px-6"
                >
                  {noun}
                </th>
              </tr>
              {inside.map((name) => (
                <tr key={name} className="group">
                  <th
                    scope="row"
                    className="sticky left-0 z-[5] border-b bg-panel px-4 py-1.5 text-left font-normal group-hover:bg-hover sm:px-6"
                  >
                    <span className="block min-w-40">{name}</span>
                    <span className="block max-w-md text-muted text-xs">{texts.get(name)}</span>
                  </th>
                  {columns.map((role) => (
                    <td key={role.id} className="h-10 min-w-20 border-b px-2 text-center group-hover:bg-hover">
                      {mine.includes(role) ? (
                        <input
                          type="checkbox"
                          data-at={`${names.indexOf(name)} ${mine.indexOf(role)}`}
                          tabIndex={names.indexOf(name) === at[0] && mine.indexOf(role) === at[1] ? 0 : -1}
                          aria-label={t("roles:cell", { role: role.name, permission: name })}
                          className={cx(
                            "size-4 accent-accent pointer-coarse:size-6",
                            draft.get(role.id)?.has(name) && "outline-2 outline-warn outline-offset-2",
                          )}
                          disabled={!own.includes(name) && !holds(role, name, draft)}
                          checked={holds(role, name, draft)}
                          onFocus={() => setPlace([names.indexOf(name), mine.indexOf(role)])}
                          onChange={() => onFlip(role.id, name)}
                        />
                      ) : (
                        <Fixed on={role.permissions.includes(name)} />
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </Fragment>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Fixed({ on }: { on: boolean }) {
  const { t } = useTranslation();
  const Icon = on ? Check : Minus;
  return (
    <>
      <Icon aria-hidden className={cx("mx-auto size-4", on ? "text-good" : "text-strong-line")} />
      <span className="sr-only">{t(on ? "roles:may" : "roles:mayNot")}</span>
    </>
  );
}
