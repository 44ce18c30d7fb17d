import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import { useTranslation } from "react-i18next";
import { shortcuts } from "@/shell/shortcuts";
import type { Known } from "./complete";
import { modelOf, monaco } from "./monaco";

export interface EditorHandle {
  text: () => string;
  caret: () => number;
  /** Null when nothing is selected. */
  selection: () => { from: number; to: number } | null;
  /** As one step that undo takes back. */
  replace: (text: string) => void;
  mark: (place: [number, number] | null, message?: string) => void;
  focus: () => void;
}

interface Props {
  id: string;
  text: string;
  label: string;
  known: Known;
  /** In place of what the SQL tab says. */
  placeholder?: string;
  onChange: (text: string) => void;
  ref: Ref<EditorHandle>;
}

const { KeyMod, KeyCode } = monaco;
/** The editor hears these before the page does. */
const KEYS = [
  [KeyMod.CtrlCmd | KeyCode.Enter, "sql.run"],
  [KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.Enter, "sql.all"],
  [KeyMod.CtrlCmd | KeyCode.KeyE, "sql.explain"],
  [KeyMod.CtrlCmd | KeyCode.KeyS, "sql.save"],
  [KeyMod.Shift | KeyMod.Alt | KeyCode.KeyF, "sql.format"],
  [KeyMod.CtrlCmd | KeyCode.KeyK, "palette"],
] as const;

export default function Editor({ id, text, label, known, placeholder, onChange, ref }: Props) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneCodeEditor | null>(null);
  const latest = useRef({ known, onChange, text });
  latest.current = { known, onChange, text };

  useEffect(() => {
    if (!box.current) return;
    const made = monaco.editor.create(box.current, {
      model: null,
      ariaLabel: label,
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
      placeholder: placeholder ?? t("sql:placeholder"),
      renderLineHighlight: "line",
      scrollBeyondLastLine: false,
      scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10, alwaysConsumeMouseWheel: false },
      suggest: { showStatusBar: false },
      tabSize: 2,
      wordBasedSuggestions: "off",
      wordWrap: "on",
      theme: "holdfast",
    });
    for (const [keys, shortcut] of KEYS) made.addCommand(keys, () => shortcuts.run(shortcut));
    const typed = made.onDidChangeModelContent(() => {
      latest.current.onChange(made.getValue());
      const model = made.getModel();
      if (model) monaco.editor.setModelMarkers(model, "server", []);
    });
    editor.current = made;
    return () => {
      typed.dispose();
      made.dispose();
      editor.current = null;
    };
  }, [label, placeholder, t]);

  useEffect(() => {
    const model = modelOf(id, latest.current.text, () => latest.current.known);
    if (model.getValue() !== latest.current.text) model.setValue(latest.current.text);
    editor.current?.setModel(model);
  }, [id]);

  useImperativeHandle(
    ref,
    () => ({
      text: () => editor.current?.getValue() ?? "",
      caret: () => {
        const at = editor.current?.getPosition();
        return at ? (editor.current?.getModel()?.getOffsetAt(at) ?? 0) : 0;
      },
      selection: () => {
        const model = editor.current?.getModel();
        const selected = editor.current?.getSelection();
        if (!model || !selected || selected.isEmpty()) return null;
        return {
          from: model.getOffsetAt(selected.getStartPosition()),
          to: model.getOffsetAt(selected.getEndPosition()),
        };
      },
      replace: (next) => {
        const model = editor.current?.getModel();
        if (!model || model.getValue() === next) return;
        editor.current?.pushUndoStop();
        editor.current?.executeEdits("holdfast", [{ range: model.getFullModelRange(), text: next }]);
        editor.current?.pushUndoStop();
      },
      mark: (place, message = "") => {
        const model = editor.current?.getModel();
        if (!model) return;
        if (!place) return monaco.editor.setModelMarkers(model, "server", []);
        const [from, to] = [model.getPositionAt(place[0]), model.getPositionAt(place[1])];
        monaco.editor.setModelMarkers(model, "server", [
          {
            severity: monaco.MarkerSeverity.Error,
            message,
            startLineNumber: from.lineNumber,
            startColumn: from.column,
            endLineNumber: to.lineNumber,
            endColumn: to.column,
          },
        ]);
        editor.current?.revealPositionInCenterIfOutsideViewport(from);
      },
      focus: () => editor.current?.focus(),
    }),
    [],
  );
  return <div ref={box} className="h-full min-h-0 overflow-hidden" data-editor="sql" />;
}
