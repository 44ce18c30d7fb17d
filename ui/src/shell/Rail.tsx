import { useLocation } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import { Tip } from "@/parts/small";
import { SCREENS } from "@/screens";
import { A, useGo } from "./address";
import { useCan } from "./session";
import type { ShortcutId } from "./shortcuts";
import { useShortcut } from "./useShortcut";

/** Left of the page, or below it on a phone. Only what exists, and what the person may see. */
export function Rail() {
  const { t } = useTranslation();
  const can = useCan();
  const { pathname } = useLocation();
  const seen = SCREENS.filter((screen) => screen.icon && (!screen.permission || can(...screen.permission)));
  return (
    <nav
      aria-label={t("shell:sections")}
      className="row-start-4 flex justify-around gap-1 border-t bg-page px-1 pt-1 pb-[max(4px,env(safe-area-inset-bottom))] sm:col-start-1 sm:row-span-2 sm:row-start-2 sm:flex-col sm:justify-start sm:border-t-0 sm:px-2 sm:pt-2"
    >
      <A to="/" aria-hidden tabIndex={-1} className="mb-2 hidden size-9 place-items-center sm:grid">
        <Mark />
      </A>
      {seen.map((screen) => {
        const Icon = screen.icon;
        const here = screen.path === "/" ? pathname === "/" : pathname.startsWith(screen.path);
        return (
          <div
            key={screen.path}
            className={cx("min-w-0 flex-1 sm:flex-none", screen.path === "/settings" && "sm:mt-auto")}
          >
            {screen.shortcut && <Chord id={screen.shortcut} to={screen.path} />}
            <Tip text={t(screen.title)} id={screen.shortcut} side="right">
              <A
                to={screen.path}
                aria-label={t(screen.title)}
                aria-current={here ? "page" : undefined}
                className={cx(
                  "grid h-11 w-full min-w-0 place-items-center rounded-md sm:size-9 [&_svg]:size-[18px]",
                  here ? "bg-accent-soft text-accent-text" : "text-muted hover:bg-hover hover:text-text",
                )}
              >
                {Icon && <Icon strokeWidth={here ? 2.1 : 1.8} />}
                <span className="max-w-full truncate text-2xs leading-tight tracking-tighter sm:hidden">
                  {t(screen.title)}
                </span>
              </A>
            </Tip>
          </div>
        );
      })}
    </nav>
  );
}

function Chord({ id, to }: { id: ShortcutId; to: string }) {
  const go = useGo();
  useShortcut(id, () => go(to));
  return null;
}

/** An anchor's ring and stock: what holds fast. */
export function Mark({ className = "size-5" }: { className?: string }) {
  return (
    <svg
      viewBox="0 0 24 24"
      className={className}
      fill="none"
      stroke="currentColor"
      strokeWidth="2.4"
      strokeLinecap="round"
      aria-hidden
    >
      <path d="M12 5v15M7.5 8.5h9M5 13c0 4 3 7 7 7s7-3 7-7" className="stroke-accent-text" />
    </svg>
  );
}
