import { CloudUpload, Ellipsis, FileCode2, PenLine, RotateCcw, Trash2 } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { VersionWholeOut, WorkerOut } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Item, Line, Menu } from "@/parts/Menu";
import { Badge, Empty, Skeleton, Tip } from "@/parts/small";
import { asError } from "@/shell/api";
import { useCan } from "@/shell/session";
import { useStore } from "@/shell/store";
import { toast } from "@/shell/toasts";
import { useShortcut } from "@/shell/useShortcut";
import { TEMPLATES } from "../templates";
import {
  changed,
  type Draft,
  deployed,
  EMPTY,
  isDirty,
  livingOf,
  pathsOf,
  removed,
  renamed,
  reverted,
  stateOf,
} from "./draft";
import { Drafts } from "./kept";
import { PathDialog } from "./PathDialog";
import type { Problem } from "./problems";
import { Result } from "./Result";
import { Tree } from "./Tree";
import { readFile, useBase, useFile } from "./useBase";
import { useDeploy } from "./useDeploy";
import { useKnown } from "./useKnown";

const CodeEditor = lazy(() => import("./CodeEditor"));
const NO_PROBLEMS: readonly Problem[] = [];

/** The worker's code: changed here, kept in this browser, deployed when it is meant. */
export default function EditorTab({ worker }: { worker: WorkerOut }) {
  const drafts = useMemo(() => new Drafts(worker.id), [worker.id]);
  const { draft } = useStore(drafts.now);
  const base = useBase(worker, isDirty(draft) ? draft.base : null);
  useEffect(() => {
    window.addEventListener("pagehide", drafts.flush);
    window.addEventListener("storage", drafts.heard);
    return () => {
      window.removeEventListener("pagehide", drafts.flush);
      window.removeEventListener("storage", drafts.heard);
      drafts.flush();
    };
  }, [drafts]);
  // A draft outlives its base: the oldest versions go. What was typed is still there, over what is there now.
  const isGone = isDirty(draft) && draft.base !== null && base.error !== null && asError(base.error).status === 404;
  useEffect(() => {
    if (isGone) drafts.put({ ...drafts.draft, base: null, number: null });
  }, [isGone, drafts]);
  if (base.error && !isGone) return <ErrorPanel error={base.error} />;
  if (base.isPending || isGone)
    return (
      <div className="grid gap-3 p-6">
        <Skeleton className="h-4 w-64" />
        <Skeleton className="h-40 w-full" />
      </div>
    );
  const version = base.version ?? null;
  return (
    <Editing
      worker={worker}
      drafts={drafts}
      version={version}
      newest={base.newest?.id ?? null}
      isDeployed={base.newest?.isDeployed === true}
    />
  );
}

interface Props {
  worker: WorkerOut;
  drafts: Drafts;
  version: VersionWholeOut | null;
  newest: string | null;
  isDeployed: boolean;
}

function Editing({ worker, drafts, version, newest, isDeployed }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const { draft, safe } = useStore(drafts.now);
  const [asked, ask] = useState<"add" | "rename" | "discard" | null>(null);
  const [look, setLook] = useState<{ line: number; nth: number } | null>(null);
  const base = useMemo(() => (version?.files ?? []).map(({ path }) => path), [version]);
  const paths = pathsOf(base, draft);
  const living = livingOf(base, draft);
  const at = paths.includes(draft.at)
    ? draft.at
    : paths.includes(version?.main ?? "")
      ? (version?.main ?? "")
      : (living[0] ?? "");
  const file = useFile(version?.id ?? null, base.includes(at) ? at : null);
  const original = base.includes(at) ? (file.data?.text ?? undefined) : undefined;
  const text = draft.files[at] ?? original;
  const project = draft.files["wrangler.jsonc"] ?? draft.files["wrangler.json"];
  const { known, ask: askKnown } = useKnown(worker, version?.config, project);
  const mayEdit = can("worker.deploy") && worker.deleted_at === null;
  const { step, outcome, deploy, forget } = useDeploy(worker, (sent, id, number) =>
    drafts.put(deployed(drafts.draft, sent, id, number)),
  );
  const dirty = isDirty(draft);
  const isBehind = dirty && draft.base !== null && newest !== null && draft.base !== newest;
  const problems = "problems" in outcome ? outcome.problems : NO_PROBLEMS;
  const here = useMemo(() => problems.filter(({ path }) => path === at), [problems, at]);
  const state = at === "" ? "same" : stateOf(base, draft, at);

  /** A change knows what it changes from its first letter on. */
  const put = (next: Draft) =>
    drafts.put(isDirty(drafts.draft) ? next : { ...next, base: version?.id ?? null, number: version?.number ?? null });
  const show = (path: string) => drafts.put({ ...drafts.draft, at: path });
  const send = (wish = {}) => {
    drafts.flush();
    void deploy(drafts.draft, living, wish);
  };
  const able = mayEdit && step === null && living.length > 0 && (dirty || !isDeployed);
  const first = () => {
    if (draft.base === null && version !== null && !dirty)
      drafts.put({ ...draft, base: version.id, number: version.number });
    send();
  };
  useShortcut("code.deploy", first, able);
  /** The text stays although another version takes the requests; what was typed since then goes first. */
  const back = (sent: Draft) => {
    if (!isDirty(drafts.draft)) drafts.put({ ...sent, at: drafts.draft.at });
    forget();
  };

  if (paths.length === 0)
    return (
      <Empty
        icon={<FileCode2 />}
        title={t("code:first")}
        lead={t("code:firstLead")}
        action={
          mayEdit &&
          TEMPLATES.map(({ id, files }) => (
            <Button key={id} onClick={() => put({ ...EMPTY, files: files(worker.name), at: "src/entry.py" })}>
              {t(`code:templates.${id}`)}
            </Button>
          ))
        }
      />
    );
  const move = async (to: string) => {
    if (text === undefined) return;
    put(renamed(drafts.draft, at, to, text, base));
  };
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1.5 border-b px-4 py-1.5 sm:px-6">
        <code className="hidden min-w-0 truncate text-xs md:block">{at}</code>
        {state !== "same" && <Badge tone={state === "added" ? "good" : "warn"}>{t(`code:states.${state}`)}</Badge>}
        {mayEdit && at !== "" && (
          <Menu
            trigger={
              <Button
                look="quiet"
                size="icon"
                className="size-7"
                aria-label={t("code:ofFile", { path: at })}
                icon={<Ellipsis />}
              />
            }
          >
            {text !== undefined && state !== "removed" && (
              <Item icon={<PenLine />} onSelect={() => ask("rename")}>
                {t("code:rename")}
              </Item>
            )}
            {state !== "same" && (
              <Item icon={<RotateCcw />} onSelect={() => drafts.put(reverted(drafts.draft, at, base))}>
                {t("code:revert")}
              </Item>
            )}
            {state !== "removed" && (
              <>
                <Line />
                <Item icon={<Trash2 />} danger onSelect={() => put(removed(drafts.draft, at, base))}>
                  {t("code:remove")}
                </Item>
              </>
            )}
          </Menu>
        )}
        <span className="flex-1" />
        <span role="status" className="text-muted text-xs" data-draft={dirty ? "dirty" : "clean"}>
          {step
            ? t(`code:steps.${step}`)
            : dirty
              ? t(safe ? "code:kept" : "code:unsafe", { count: Object.keys(draft.files).length })
              : version
                ? t(isDeployed ? "code:asDeployed" : "code:asUploaded", { number: version.number })
                : ""}
        </span>
        {dirty && mayEdit && (
          <Button look="quiet" disabled={step !== null} onClick={() => ask("discard")}>
            {t("code:discard")}
          </Button>
        )}
        {mayEdit && (
          <Tip text={t("code:deployHint")} id="code.deploy">
            <Button look="primary" icon={<CloudUpload />} disabled={!able} busy={step !== null} onClick={first}>
              {t("code:deploy")}
            </Button>
          </Tip>
        )}
      </div>
      {!safe && (
        <p role="alert" className="border-b bg-bad-soft px-4 py-1.5 text-bad text-sm sm:px-6">
          {t("code:unsafeLead")}
        </p>
      )}
      {isBehind && (
        <p className="border-b bg-warn-soft px-4 py-1.5 text-sm text-warn sm:px-6">
          {t("code:behind", { number: draft.number })}
        </p>
      )}
      <div className="flex min-h-0 flex-1 flex-col md:flex-row">
        <Tree
          paths={paths}
          at={at}
          stateOf={(path) => stateOf(base, draft, path)}
          wrong={new Set(problems.flatMap(({ path }) => (path ? [path] : [])))}
          onPick={show}
          onAdd={mayEdit ? () => ask("add") : null}
        />
        <div className="flex min-h-0 min-w-0 flex-1 flex-col">
          {/* biome-ignore lint/a11y/noStaticElementInteractions: completion is asked for before it is needed */}
          <div className="min-h-0 flex-1" onFocus={askKnown}>
            {state === "removed" ? (
              <Empty icon={<Trash2 />} dull title={t("code:goes")} lead={t("code:goesLead")} />
            ) : file.error && draft.files[at] === undefined ? (
              <ErrorPanel error={file.error} />
            ) : file.data?.text === null && draft.files[at] === undefined ? (
              <Empty icon={<FileCode2 />} dull title={t("code:noText")} lead={t("code:noTextLead")} />
            ) : text === undefined ? (
              <Skeleton className="m-4 h-40" />
            ) : (
              <Suspense fallback={<Skeleton className="m-4 h-40" />}>
                <CodeEditor
                  worker={worker.id}
                  path={at}
                  text={text}
                  label={at}
                  readOnly={!mayEdit}
                  problems={here}
                  look={look}
                  known={known}
                  onChange={(path, now) => put(changed(drafts.draft, path, now, original))}
                />
              </Suspense>
            )}
          </div>
          <Result
            worker={worker}
            outcome={outcome}
            busy={step !== null}
            onLook={({ path, line }) => {
              show(path ?? at);
              setLook({ line: line ?? 1, nth: (look?.nth ?? 0) + 1 });
            }}
            onAgree={send}
            onBack={back}
            onClose={forget}
          />
        </div>
      </div>
      {asked === "add" && (
        <PathDialog
          title={t("code:add")}
          verb={t("code:addVerb")}
          path=""
          there={living}
          save={async (path) => {
            const text = base.includes(path) && version ? (await readFile(version.id, path)).text : "";
            put({ ...changed(drafts.draft, path, text ?? "", undefined), at: path });
          }}
          onClose={() => ask(null)}
        />
      )}
      {asked === "rename" && (
        <PathDialog
          title={t("code:renameTitle", { path: at })}
          verb={t("code:rename")}
          path={at}
          there={living}
          save={move}
          onClose={() => ask(null)}
        />
      )}
      <Confirm
        open={asked === "discard"}
        onOpenChange={(open) => !open && ask(null)}
        danger
        title={t("code:discardTitle")}
        lead={t("code:discardLead", { count: Object.keys(draft.files).length })}
        verb={t("code:discard")}
        act={async () => {
          const before = drafts.draft;
          drafts.put({ ...EMPTY, at: before.at });
          drafts.flush();
          toast.undo(t("code:discarded"), t("shell:undo"), () => drafts.put(before));
        }}
      />
    </div>
  );
}
