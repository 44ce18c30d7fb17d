import { useLocation } from "@tanstack/react-router";
import { Ellipsis } from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import { Item, Menu } from "@/parts/Menu";
import { Tip } from "@/parts/small";
import { usePhone } from "@/parts/table/usePhone";
import { SCREENS } from "@/screens";
import type { Screen } from "@/screens/screen";
import { A, useGo } from "./address";
import { useCan } from "./session";
import type { ShortcutId } from "./shortcuts";
import { useShortcut } from "./useShortcut";

/** Left of the page, or below it on a phone. Only what exists, and what the person may see. */
export function Rail() {
  const { t } = useTranslation();
  const can = useCan();
  const { pathname } = useLocation();
  const go = useGo();
  const phone = usePhone();
  const seen = SCREENS.filter((screen) => screen.icon && (!screen.permission || can(...screen.permission)));
  // Five fit below each other's thumb; the others are one tap further.
  const isFew = !phone || seen.length <= 5;
  const main = isFew ? seen : seen.slice(0, 4);
  const rest = isFew ? [] : seen.slice(4);
  return (
    <nav
      aria-label={t("shell:sections")}
      className="row-start-4 flex justify-around gap-1 border-t bg-page px-1 pt-1 pb-[max(4px,env(safe-area-inset-bottom))] sm:col-start-1 sm:row-span-2 sm:row-start-2 sm:flex-col sm:justify-start sm:border-t-0 sm:px-2 sm:pt-2"
    >
      <A to="/" aria-hidden tabIndex={-1} className="mb-2 hidden size-9 place-items-center sm:grid">
        <Mark />
      </A>
      {main.map((screen) => (
        <Place key={screen.path} screen={screen} here={isHere(screen, pathname)} />
      ))}
      {rest.length > 0 && (
        <Menu
          align="end"
          trigger={
            <button
              type="button"
              className={cx(PLACE, "relative", rest.some((each) => isHere(each, pathname)) ? HERE : ELSEWHERE)}
            >
              <Ellipsis aria-hidden />
              <span className="text-2xs leading-none">{t("shell:more")}</span>
              {rest.map(({ path, Badge }) => Badge && <Badge key={path} />)}
            </button>
          }
        >
          {rest.map((screen) => {
            const { icon: Icon, Badge } = screen;
            return (
              <Item
                key={screen.path}
                icon={Icon && <Icon />}
                aside={
                  Badge && (
                    <span className="relative h-4 w-6">
                      <Badge />
                    </span>
                  )
                }
                onSelect={() => go(screen.path)}
              >
                {t(screen.title)}
              </Item>
            );
          })}
        </Menu>
      )}
    </nav>
  );
}

const PLACE = "grid h-11 w-16 place-items-center rounded-md sm:size-9 [&_svg]:size-[18px]";
const HERE = "bg-accent-soft text-accent-text";
const ELSEWHERE = "text-muted hover:bg-hover hover:text-text";

function isHere({ path }: Screen, pathname: string): boolean {
  return path === "/" ? pathname === "/" : pathname.startsWith(path);
}

function Place({ screen, here }: { screen: Screen; here: boolean }) {
  const { t } = useTranslation();
  const { icon: Icon, Badge } = screen;
  return (
    <div className={screen.path === "/settings" ? "sm:mt-auto" : undefined}>
      {screen.shortcut && <Chord id={screen.shortcut} to={screen.path} />}
      <Tip text={t(screen.title)} id={screen.shortcut} side="right">
        <A
          to={screen.path}
          aria-label={t(screen.title)}
          aria-current={here ? "page" : undefined}
          className={cx(PLACE, "relative", here ? HERE : ELSEWHERE)}
        >
          {Icon && <Icon strokeWidth={here ? 2.1 : 1.8} />}
          <span className="text-2xs leading-none sm:hidden">{t(screen.title)}</span>
          {Badge && <Badge />}
        </A>
      </Tip>
    </div>
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
