import { Outlet, useLocation, useMatches } from "@tanstack/react-router";
import { Tooltip } from "radix-ui";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { ground } from "@/parts/Colour";
import { cx } from "@/parts/classes";
import { Panel } from "@/parts/ErrorPanel";
import type { Screen } from "@/screens/screen";
import { change } from "./appearance";
import { Banner } from "./Banner";
import { GateDialogs } from "./GateDialogs";
import { HelpSheet } from "./HelpSheet";
import { live } from "./liveConnection";
import { NotAllowed } from "./NotFound";
import { Palette } from "./Palette";
import { Rail } from "./Rail";
import { ShortcutSheet } from "./ShortcutSheet";
import { useScope } from "./scope";
import { useCan } from "./session";
import { shortcuts } from "./shortcuts";
import { Toasts } from "./Toasts";
import { TopBar } from "./TopBar";
import { useShortcut } from "./useShortcut";

export function Shell() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  useEffect(() => {
    const heard = (event: KeyboardEvent) => void shortcuts.handle(event);
    window.addEventListener("keydown", heard);
    live.start();
    return () => {
      window.removeEventListener("keydown", heard);
      live.stop();
    };
  }, []);
  useEffect(() => live.look(pathname), [pathname]);
  useShortcut("theme", () => change({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" }));
  return (
    <Tooltip.Provider delayDuration={350} skipDelayDuration={150}>
      <a href="#main" className="-top-10 fixed left-2 z-50 rounded-md bg-accent px-3 py-1.5 text-on-accent focus:top-2">
        {t("shell:skip")}
      </a>
      <div className="grid h-full grid-cols-[minmax(0,1fr)] grid-rows-[auto_auto_minmax(0,1fr)_auto] sm:grid-cols-[52px_minmax(0,1fr)] sm:grid-rows-[auto_auto_minmax(0,1fr)]">
        <EnvironmentLine />
        <Rail />
        <div className="row-start-2 min-w-0 sm:col-start-2">
          <TopBar />
          <Banner />
        </div>
        <main
          id="main"
          tabIndex={-1}
          className="row-start-3 min-h-0 min-w-0 overflow-hidden bg-panel sm:col-start-2 sm:border-l"
        >
          <Panel key={pathname}>
            <Allowed />
          </Panel>
        </main>
      </div>
      <Palette />
      <ShortcutSheet />
      <HelpSheet />
      <Toasts />
      <GateDialogs />
    </Tooltip.Provider>
  );
}

/** Which environment one is in is seen from the corner of the eye; production is red. */
function EnvironmentLine() {
  const { environment } = useScope();
  const { className, style } = environment ? ground(environment.colour) : { className: "bg-transparent" };
  return (
    <div
      aria-hidden
      data-environment={environment?.kind}
      className={cx("col-span-full row-start-1 h-[3px]", className)}
      style={style}
    />
  );
}

/** The screen of the address. One whose calls would all be refused is no page for this person. */
function Allowed() {
  const can = useCan();
  const wanted = (useMatches().at(-1)?.staticData as { screen?: Screen } | undefined)?.screen?.permission;
  return wanted && !can(...wanted) ? <NotAllowed permissions={wanted} /> : <Outlet />;
}
