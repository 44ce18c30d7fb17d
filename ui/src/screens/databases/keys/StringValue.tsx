import { PencilLine } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ValueOut } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorText } from "@/parts/ErrorPanel";
import { Area } from "@/parts/Field";
import { Segments } from "@/parts/Setting";
import { CopyButton } from "@/parts/small";
import { bytes } from "@/parts/text";
import { type ApiError, asError } from "@/shell/api";
import { toast } from "@/shell/toasts";
import type { Cell } from "../sql/values";
import { change, type Place, readAgain } from "./client";
import { bytesOfHex, hexLines } from "./elements";
import { bytesIn, cellOf, type KeyName } from "./names";

interface Props {
  place: Place;
  name: KeyName;
  parts: readonly ValueOut[];
  writable: boolean;
}

type As = "text" | "json" | "hex";

function prettyOf(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null; // begins like a document and is none
  }
}

/** A string as text, as a document, or byte by byte. What is no text is shown and written as hexadecimal. */
export function StringValue({ place, name, parts, writable }: Props) {
  const { t } = useTranslation();
  const [first] = parts;
  const cell: Cell = first?.elements[0] ?? "";
  const isText = typeof cell === "string";
  const pretty = useMemo(() => (isText ? prettyOf(cell) : null), [cell, isText]);
  const [chosen, setChosen] = useState<As | null>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const as: As = chosen ?? (!isText ? "hex" : pretty ? "json" : "text");
  const content = useMemo(() => bytesIn(cell), [cell]);
  const isPart = Boolean(first?.next_cursor);
  const shown = as === "hex" ? hexLines(content).join("\n") : as === "json" ? (pretty ?? String(cell)) : String(cell);
  const forms: readonly As[] = isText ? (pretty ? ["text", "json", "hex"] : ["text", "hex"]) : ["hex"];

  const edited = as === "hex" ? hexOf(content) : shown;
  async function save(text: string) {
    const next: Cell | null = as === "hex" ? fromHex(text) : text;
    if (next === null) {
      setError(asError(new Error(t("tables:notHex"))));
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await change(place, name, { put: [next] }, first?.digest ?? null);
      setTyped(null);
      void readAgain(place);
      const failed = (thrown: unknown) => toast.bad(asError(thrown).message);
      const back = () => void change(place, name, { put: [cell] }, null).then(() => readAgain(place), failed);
      toast.undo(t("keys:changed"), t("shell:undo"), back);
    } catch (thrown) {
      setError(asError(thrown));
    } finally {
      setBusy(false);
    }
  }
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex shrink-0 flex-wrap items-center gap-2 px-4 py-2">
        {forms.length > 1 && (
          <Segments
            label={t("keys:view")}
            value={as}
            options={forms.map((each) => ({ value: each, label: t(`keys:as.${each}`) }))}
            onChange={(value) => {
              setChosen(value as As);
              setTyped(null);
            }}
          />
        )}
        <span className="min-w-0 flex-1 truncate text-muted text-xs">
          {isPart && t("keys:firstPart", { size: bytes(content.length) })}
        </span>
        {isText && <CopyButton text={cell} label={t("sql:copyValue")} />}
        {writable && !isPart && typed === null && (
          <Button icon={<PencilLine />} onClick={() => setTyped(edited)}>
            {t("keys:edit")}
          </Button>
        )}
      </div>
      {typed === null ? (
        <pre
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach it
          tabIndex={0}
          className="inset-ring-focus min-h-0 flex-1 overflow-auto whitespace-pre-wrap break-words border-t bg-sunken p-4 font-mono text-xs"
        >
          {shown === "" ? <span className="text-faint italic">{t("keys:emptyText")}</span> : shown}
        </pre>
      ) : (
        <form
          className="flex min-h-0 flex-1 flex-col gap-2 px-4 pb-3"
          onSubmit={(event) => {
            event.preventDefault();
            void save(typed);
          }}
        >
          <Area
            autoFocus
            aria-label={t("keys:value")}
            value={typed}
            spellCheck={false}
            className="min-h-0 flex-1 resize-none font-mono text-xs"
            onChange={(event) => setTyped(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
              if (event.key === "Escape") setTyped(null);
            }}
          />
          {error && <ErrorText error={error} />}
          <div className="flex justify-end gap-2">
            <Button onClick={() => setTyped(null)}>{t("shell:cancel")}</Button>
            <Button look="primary" type="submit" busy={busy}>
              {t("shell:save")}
            </Button>
          </div>
        </form>
      )}
    </div>
  );
}

const hexOf = (content: Uint8Array): string =>
  Array.from(content, (code) => code.toString(16).padStart(2, "0"))
    .join(" ")
    .replace(/((?:\S+ ){15}\S+) /g, "$1\n");

function fromHex(text: string): Cell | null {
  const bytes = bytesOfHex(text);
  return bytes === null ? null : cellOf(bytes);
}
