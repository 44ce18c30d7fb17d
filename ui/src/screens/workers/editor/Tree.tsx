import { FilePlus2, Folder } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Select } from "@/parts/Field";
import { Tip } from "@/parts/small";
import { type FileState, rowsOf } from "./draft";

interface Props {
  paths: readonly string[];
  at: string;
  stateOf: (path: string) => FileState;
  /** Files with something wrong in them. */
  wrong: ReadonlySet<string>;
  onPick: (path: string) => void;
  /** Nothing: nobody here may change files. */
  onAdd: (() => void) | null;
}

const LOOKS: Record<FileState, string> = {
  same: "",
  changed: "text-warn",
  added: "text-good",
  removed: "text-muted line-through",
};

const inset = (depth: number) => ({ paddingLeft: `${16 + depth * 14}px` });

/** The files of a project; a list to choose from where there is no room beside the editor. */
export function Tree({ paths, at, stateOf, wrong, onPick, onAdd }: Props) {
  const { t } = useTranslation();
  const add = onAdd && (
    <Tip text={t("code:add")}>
      <Button
        look="quiet"
        size="icon"
        className="size-7"
        aria-label={t("code:add")}
        icon={<FilePlus2 />}
        onClick={onAdd}
      />
    </Tip>
  );
  return (
    <>
      <div className="flex items-center gap-1.5 border-b px-4 py-2 md:hidden">
        <Select aria-label={t("code:files")} value={at} onChange={(event) => onPick(event.target.value)}>
          {paths.map((path) => (
            <option key={path} value={path}>
              {path}
              {stateOf(path) !== "same" && ` · ${t(`code:states.${stateOf(path)}`)}`}
            </option>
          ))}
        </Select>
        {add}
      </div>
      <nav
        aria-label={t("code:files")}
        className="hidden w-56 shrink-0 flex-col overflow-hidden border-r bg-sunken md:flex"
      >
        <div className="flex h-9 shrink-0 items-center justify-between border-b pr-1 pl-4">
          <span className="font-medium text-muted text-xs">{t("code:files")}</span>
          {add}
        </div>
        <ul className="min-h-0 flex-1 overflow-y-auto py-1">
          {rowsOf(paths).map(({ name, depth, path }, place) => (
            <li key={path ?? `folder ${place}`}>
              {path === null ? (
                <span className="flex h-7 items-center gap-1.5 text-muted text-xs" style={inset(depth)}>
                  <Folder className="size-3.5 shrink-0" aria-hidden />
                  <span className="truncate">{name}</span>
                </span>
              ) : (
                <File
                  depth={depth}
                  name={name}
                  isHere={path === at}
                  state={stateOf(path)}
                  isWrong={wrong.has(path)}
                  onPick={() => onPick(path)}
                />
              )}
            </li>
          ))}
        </ul>
      </nav>
    </>
  );
}

interface FileProps {
  depth: number;
  name: string;
  isHere: boolean;
  state: FileState;
  isWrong: boolean;
  onPick: () => void;
}

function File({ depth, name, isHere, state, isWrong, onPick }: FileProps) {
  const { t } = useTranslation();
  return (
    <button
      type="button"
      aria-current={isHere || undefined}
      style={inset(depth)}
      onClick={onPick}
      className={cx(
        "inset-ring-focus flex h-7 w-full items-center gap-2 pr-3 text-left text-xs hover:bg-hover pointer-coarse:h-10",
        isHere && "bg-picked font-medium",
      )}
    >
      <span className={cx("min-w-0 flex-1 truncate", isWrong ? "text-bad" : LOOKS[state])}>{name}</span>
      {state !== "same" && (
        <span className={cx("shrink-0 text-2xs no-underline", LOOKS[state] === "" ? "" : LOOKS[state])}>
          {t(`code:letters.${state}`)}
          <span className="sr-only">{t(`code:states.${state}`)}</span>
        </span>
      )}
    </button>
  );
}
