import { useQuery } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { Command, defaultFilter } from "cmdk";
import {
  Archive,
  CircleHelp,
  Database,
  Footprints,
  Languages,
  LogOut,
  Moon,
  Play,
  Search,
  SquareFunction,
} from "lucide-react";
import { Dialog } from "radix-ui";
import { type ReactNode, useCallback, useDeferredValue, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseList, savedQueryList, sessionDelete, snapshotList, workerList } from "@/api";
import { Kbd } from "@/parts/small";
import { ago } from "@/parts/text";
import { SCREENS } from "@/screens";
import { useSections } from "@/screens/settings/useSections";
import { mayGuide } from "@/screens/start/guide";
import { useGo } from "./address";
import { data } from "./api";
import { change } from "./appearance";
import { usePaletteActs } from "./paletteActs";
import { queries } from "./query";
import { useScope } from "./scope";
import type { Search as Address } from "./search";
import { useCan } from "./session";
import { type ShortcutId, shortcuts } from "./shortcuts";
import { useShortcut } from "./useShortcut";
import { language, speak } from "./words";

const LEAST = 0.08;

/** How well an entry fits; letters strewn over a sentence are no match. */
const fits: typeof defaultFilter = (...asked) => {
  const score = defaultFilter(...asked);
  return score < LEAST ? 0 : score;
};

/**
 * One place to go somewhere, find something, and act on what is picked on the page. It comes with the first script: what
 * is typed while it loads would be lost, and Enter would then run what was not meant.
 */
export function Palette() {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const [picked, setPicked] = useState("");
  const moved = useRef(false);
  const list = useRef<HTMLDivElement>(null);
  // What comes late may fit better than what was there: the first is picked again, unless somebody has moved on.
  const came = useCallback(() => {
    const frame = requestAnimationFrame(() => {
      const first = list.current?.querySelector("[cmdk-item]")?.getAttribute("data-value");
      if (!moved.current && first) setPicked(first);
    });
    return () => cancelAnimationFrame(frame);
  }, []);
  useShortcut("palette", () => setOpen((before) => !before));
  function show(next: boolean) {
    setOpen(next);
    setTyped("");
  }
  return (
    <Dialog.Root open={open} onOpenChange={show}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-veil" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed inset-x-3 top-[10vh] z-50 mx-auto max-w-xl overflow-hidden rounded-xl bg-raised shadow-float"
        >
          <Dialog.Title className="sr-only">{t("shell:find")}</Dialog.Title>
          <Command
            label={t("shell:find")}
            loop
            filter={fits}
            value={picked}
            onValueChange={setPicked}
            onKeyDown={({ key }) => {
              moved.current = key.startsWith("Arrow");
            }}
          >
            <div className="flex items-center gap-2.5 border-b px-4">
              <Search className="size-4 text-faint" aria-hidden />
              <Command.Input
                value={typed}
                onValueChange={setTyped}
                placeholder={t("shell:findHint")}
                className="h-12 flex-1 bg-transparent text-base outline-none"
              />
            </div>
            <Command.List
              ref={list}
              className="max-h-[52vh] scroll-py-2 overflow-y-auto p-1.5 [&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-faint [&_[cmdk-group-heading]]:text-xs"
            >
              <Command.Empty className="px-4 py-8 text-center text-muted">{t("shell:nothing")}</Command.Empty>
              <Results typed={typed} close={() => show(false)} came={came} />
            </Command.List>
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface ResultsProps {
  typed: string;
  close: () => void;
  /** To be told when more is shown. */
  came: () => () => void;
}

function Results({ typed, close, came }: ResultsProps) {
  const { t } = useTranslation();
  const can = useCan();
  const sections = useSections();
  const go = useGo();
  const acts = usePaletteActs();
  const { projects, environments, project, choose } = useScope();
  const run = (act: () => void) => () => {
    close();
    act();
  };
  async function leave() {
    await data(sessionDelete());
    queries.clear();
    location.assign("/");
  }
  return (
    <>
      {acts.length > 0 && (
        <Command.Group heading={t("shell:onPage")}>
          {acts.map((act) => (
            <Row key={act.id} icon={act.icon} id={act.shortcut} onSelect={run(act.run)}>
              {act.title}
            </Row>
          ))}
        </Command.Group>
      )}
      <Found typed={typed} pick={(to) => run(() => go(to))()} came={came} />
      <SavedQueries pick={(to, search) => run(() => go(to, search))()} came={came} />
      <Command.Group heading={t("shell:goTo")}>
        {SCREENS.filter((each) => each.icon && (!each.permission || can(...each.permission))).map((each) => {
          const Icon = each.icon ?? Search;
          return (
            <Row
              key={each.path}
              icon={<Icon />}
              id={each.shortcut}
              also={each.also}
              onSelect={run(() => go(each.path))}
            >
              {t(each.title)}
            </Row>
          );
        })}
        {sections.map(({ id, icon: Icon, title, also }) => (
          <Row key={id} icon={<Icon />} also={also} onSelect={run(() => go(`/settings/${id}`))}>
            {`${t("settings:title")}: ${t(title)}`}
          </Row>
        ))}
        {environments.map((each) => (
          <Row
            key={each.id}
            icon={<span />}
            onSelect={run(() => choose(projects.length > 1 ? (project?.name ?? null) : null, each.name))}
          >
            {`${t("shell:environment")}: ${each.name}`}
          </Row>
        ))}
      </Command.Group>
      <Command.Group heading={t("shell:more")}>
        <Row icon={<CircleHelp />} id="docs" also="docs documentation" onSelect={run(() => shortcuts.run("docs"))}>
          {t("shell:keys.docs")}
        </Row>
        {mayGuide(can) && (
          <Row icon={<Footprints />} also="first use tour sample demo" onSelect={run(() => go("/start"))}>
            {t("start:title")}
          </Row>
        )}
        <Row
          icon={<Moon />}
          id="theme"
          onSelect={run(() => change({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" }))}
        >
          {t("shell:keys.theme")}
        </Row>
        <Row icon={<Languages />} onSelect={run(() => void speak(language() === "en" ? "id" : "en"))}>
          {t("shell:otherLanguage")}
        </Row>
        <Row icon={<LogOut />} onSelect={run(() => void leave())}>
          {t("shell:signOut")}
        </Row>
      </Command.Group>
    </>
  );
}

interface FoundProps {
  typed: string;
  pick: (to: string) => void;
  came: ResultsProps["came"];
}

/** Databases, workers and snapshots by what was typed; the server looks. */
function Found({ typed, pick, came }: FoundProps) {
  const { t } = useTranslation();
  const can = useCan();
  const text = useDeferredValue(typed.trim());
  const wanted = text.length > 1;
  const databases = useQuery({
    queryKey: ["databases", "find", text],
    queryFn: ({ signal }) => data(databaseList({ query: { name: text, limit: 6 }, signal })),
    enabled: wanted && can("database.read"),
  });
  const snapshots = useQuery({
    queryKey: ["snapshots", "find", text],
    queryFn: ({ signal }) => data(snapshotList({ query: { q: text, limit: 5 }, signal })),
    enabled: wanted && can("snapshot.read"),
  });
  const workers = useQuery({
    queryKey: ["workers", "find", text],
    queryFn: ({ signal }) => data(workerList({ query: { q: text, limit: 5 }, signal })),
    enabled: wanted && can("worker.read"),
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: told when one of the lists is another one
  useEffect(came, [databases.data, snapshots.data, workers.data]);
  if (!wanted) return null;
  return (
    <>
      <Command.Group heading={t("databases:title")}>
        {databases.data?.items.map((each) => (
          <Row
            key={each.id}
            icon={<Database />}
            value={`${text} ${each.name} ${each.id}`}
            onSelect={() => pick(`/databases/${each.id}`)}
          >
            {each.name}
          </Row>
        ))}
      </Command.Group>
      <Command.Group heading={t("workers:title")}>
        {workers.data?.items.map((each) => (
          <Row
            key={each.id}
            icon={<SquareFunction />}
            value={`${text} ${each.name} ${each.id}`}
            onSelect={() => pick(`/workers/${each.id}`)}
          >
            {each.name}
          </Row>
        ))}
      </Command.Group>
      <Command.Group heading={t("snapshots:title")}>
        {snapshots.data?.items.map((each) => (
          <Row
            key={each.id}
            icon={<Archive />}
            value={`${text} ${each.id}`}
            onSelect={() => pick(`/snapshots/${each.id}`)}
          >
            {`${each.resource_name} · ${ago(each.created_at)}`}
          </Row>
        ))}
      </Command.Group>
    </>
  );
}

interface SavedQueriesProps {
  pick: (to: string, search: Address) => void;
  came: ResultsProps["came"];
}

/** The saved queries of the database that is looked at; one that is picked is run on its page. */
function SavedQueries({ pick, came }: SavedQueriesProps) {
  const { t } = useTranslation();
  const can = useCan();
  const { pathname } = useLocation();
  const database = /^\/databases\/([^/]+)$/.exec(pathname)?.[1] ?? "";
  const { data: found } = useQuery({
    queryKey: ["saved-queries", database],
    queryFn: async () => (await data(savedQueryList({ path: { database_id: database }, query: { limit: 200 } }))).items,
    enabled: database !== "" && can("database.query.read", "database.query.write"),
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: told when there are others
  useEffect(came, [found]);
  if (!found || found.length === 0) return null;
  return (
    <Command.Group heading={t("sql:savedQueries")}>
      {found.map((each) => (
        <Row
          key={each.id}
          icon={<Play />}
          value={`${t("sql:runSaved", { name: each.name })} ${each.id}`}
          onSelect={() => pick(`/databases/${database}`, { tab: "sql", run: each.id })}
        >
          {t("sql:runSaved", { name: each.name })}
        </Row>
      ))}
    </Command.Group>
  );
}

interface RowProps {
  icon: ReactNode;
  id?: ShortcutId;
  also?: string;
  value?: string;
  onSelect: () => void;
  children: string;
}

function Row({ icon, id, also, value, onSelect, children }: RowProps) {
  return (
    <Command.Item
      value={value ?? children}
      keywords={also?.split(" ")}
      onSelect={onSelect}
      className="flex h-9 items-center gap-2.5 rounded-md px-2.5 text-sm data-[selected=true]:bg-hover [&_svg]:size-4 [&_svg]:text-muted"
    >
      <span className="grid w-4 place-items-center">{icon}</span>
      <span className="flex-1 truncate">{children}</span>
      {id && <Kbd id={id} />}
    </Command.Item>
  );
}
