import { useEffect, useRef } from "react";
import { shortcuts } from "@/shell/shortcuts";
import type { Known } from "./complete";
import { dropAll, know, modelOf, monaco } from "./monaco";
import type { Problem } from "./problems";

interface Props {
  worker: string;
  path: string;
  text: string;
  label: string;
  readOnly: boolean;
  /** Of this file. */
  problems: readonly Problem[];
  /** A line to be looked at; `nth` makes the same one asked again another. */
  look: { line: number; nth: number } | null;
  known: () => Known;
  onChange: (path: string, text: string) => void;
}

const { KeyMod, KeyCode } = monaco;
/** The editor hears these before the page does. */
const KEYS = [
  [KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyS, "code.deploy"],
  [KeyMod.CtrlCmd | KeyCode.KeyK, "palette"],
] as const;

/** One file of a worker at a time. */
export default function CodeEditor({ worker, path, text, label, readOnly, problems, look, known, onChange }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneCodeEditor | null>(null);
  const latest = useRef({ onChange, text, known, path });
  latest.current = { onChange, text, known, path };

  useEffect(() => {
    if (!box.current) return;
    const made = monaco.editor.create(box.current, {
      model: null,
      automaticLayout: true,
      fixedOverflowWidgets: true,
      fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
      fontSize: 13,
      lineHeight: 20,
      lineNumbersMinChars: 3,
      lineDecorationsWidth: 8,
      glyphMargin: false,
      folding: false,
      minimap: { enabled: false },
      overviewRulerLanes: 0,
      padding: { top: 10, bottom: 10 },
      renderFinalNewline: "on", // dimmed, its number is too pale to be read
      renderLineHighlight: "line",
      scrollBeyondLastLine: false,
      scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10 },
      suggest: { showStatusBar: false },
      wordBasedSuggestions: "currentDocument",
      theme: "holdfast",
    });
    // Kept already; without this the browser would offer to save the page. It must not deploy: hands do it unasked.
    made.addCommand(KeyMod.CtrlCmd | KeyCode.KeyS, () => {});
    know(() => latest.current.known());
    for (const [keys, shortcut] of KEYS) made.addCommand(keys, () => shortcuts.run(shortcut));
    const typed = made.onDidChangeModelContent(({ isFlush }) => {
      if (!isFlush) latest.current.onChange(latest.current.path, made.getValue());
    });
    editor.current = made;
    return () => {
      typed.dispose();
      made.dispose();
      know(null);
      dropAll(worker);
      editor.current = null;
    };
  }, [worker]);

  useEffect(() => {
    editor.current?.updateOptions({ ariaLabel: label, readOnly });
  }, [label, readOnly]);

  useEffect(() => {
    const model = modelOf(worker, path, text);
    if (model.getValue() !== text) model.setValue(text);
    if (editor.current?.getModel() !== model) {
      editor.current?.setModel(model);
      const bracketColorizationOptions = { enabled: false, independentColorPoolPerBracketType: false };
      model.updateOptions({ tabSize: path.endsWith(".py") ? 4 : 2, bracketColorizationOptions });
    }
  }, [worker, path, text]);

  useEffect(() => {
    const model = modelOf(worker, path, latest.current.text);
    monaco.editor.setModelMarkers(
      model,
      "deploy",
      problems.map(({ line, column, message }) => {
        const at = Math.min(Math.max(1, line ?? 1), model.getLineCount());
        const from = column ?? (model.getLineFirstNonWhitespaceColumn(at) || 1);
        return {
          severity: monaco.MarkerSeverity.Error,
          message,
          startLineNumber: at,
          startColumn: from,
          endLineNumber: at,
          endColumn: Math.max(from + 1, model.getLineMaxColumn(at)),
        };
      }),
    );
  }, [worker, path, problems]);

  useEffect(() => {
    if (!look) return;
    editor.current?.revealLineInCenterIfOutsideViewport(look.line);
    editor.current?.setPosition({ lineNumber: look.line, column: 1 });
    editor.current?.focus();
  }, [look]);

  return <div ref={box} className="h-full min-h-0 overflow-hidden" data-editor="code" />;
}
