import { CircleHelp, Footprints, Keyboard, LogOut, Moon, Search, Sun, UserRound } from "lucide-react";
import { useTranslation } from "react-i18next";
import { sessionDelete } from "@/api";
import { Button } from "@/parts/Button";
import { Choice, Item, Line, Menu, Title } from "@/parts/Menu";
import { Kbd, Tip } from "@/parts/small";
import { mayGuide } from "@/screens/start/guide";
import { useGo } from "./address";
import { data } from "./api";
import { type Appearance, appearance, change } from "./appearance";
import { LiveDot } from "./LiveDot";
import { queries } from "./query";
import { Switcher } from "./Switcher";
import { useCan, useWho } from "./session";
import { shortcuts } from "./shortcuts";
import { useStore } from "./store";
import { LANGUAGES, type Language, language, speak } from "./words";

export function TopBar() {
  const { t } = useTranslation();
  return (
    <header className="flex h-11 items-center gap-1.5 px-2 sm:pr-3 sm:pl-1">
      <Switcher />
      <span className="flex-1" />
      <LiveDot />
      <button
        type="button"
        onClick={() => shortcuts.run("palette")}
        className="flex h-8 items-center gap-2 rounded-md border bg-panel px-2 text-muted text-sm hover:border-strong-line sm:w-56"
      >
        <Search className="size-3.5" aria-hidden />
        <span className="hidden flex-1 text-left sm:block">{t("shell:find")}</span>
        <span className="sr-only sm:hidden">{t("shell:find")}</span>
        <span className="hidden sm:block">
          <Kbd id="palette" />
        </span>
      </button>
      <Tip text={t("shell:keys.docs")} id="docs">
        <Button
          look="quiet"
          size="icon"
          aria-label={t("shell:keys.docs")}
          icon={<CircleHelp />}
          onClick={() => shortcuts.run("docs")}
        />
      </Tip>
      <Account />
    </header>
  );
}

function Account() {
  const { t } = useTranslation();
  const who = useWho();
  const can = useCan();
  const go = useGo();
  const { theme } = useStore(appearance);
  async function leave() {
    await data(sessionDelete());
    queries.clear();
    location.assign("/");
  }
  return (
    <Menu
      align="end"
      wide
      trigger={
        <Button look="quiet" size="icon">
          <span className="grid size-6 place-items-center rounded-full bg-accent-soft font-semibold text-2xs text-accent-text uppercase">
            {who.display.slice(0, 2)}
          </span>
          <span className="sr-only">{t("shell:account", { name: who.display })}</span>
        </Button>
      }
    >
      <Title>{who.display}</Title>
      <Line />
      <Title>{t("settings:theme")}</Title>
      <Choice
        value={theme}
        onChange={(value) => change({ theme: value as Appearance["theme"] })}
        options={[
          { value: "light", label: t("settings:light"), icon: <Sun /> },
          { value: "dark", label: t("settings:dark"), icon: <Moon /> },
          { value: "system", label: t("settings:system") },
          { value: "time", label: t("settings:time") },
        ]}
      />
      <Line />
      <Title>{t("settings:language")}</Title>
      <Choice
        value={language()}
        onChange={(value) => void speak(value as Language)}
        options={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
      />
      <Line />
      <Item icon={<Keyboard />} aside={<Kbd id="help" />} onSelect={() => shortcuts.run("help")}>
        {t("shell:shortcuts")}
      </Item>
      <Item icon={<CircleHelp />} aside={<Kbd id="docs" />} onSelect={() => shortcuts.run("docs")}>
        {t("shell:keys.docs")}
      </Item>
      {mayGuide(can) && (
        <Item icon={<Footprints />} onSelect={() => go("/start")}>
          {t("start:title")}
        </Item>
      )}
      <Item icon={<UserRound />} onSelect={() => go("/settings")}>
        {t("settings:title")}
      </Item>
      <Item icon={<LogOut />} onSelect={() => void leave()}>
        {t("shell:signOut")}
      </Item>
    </Menu>
  );
}
