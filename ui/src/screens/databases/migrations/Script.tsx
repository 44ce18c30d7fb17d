import { useEffect, useId } from "react";
import Editor from "../sql/Editor";
import { drop } from "../sql/monaco";

const KNOWS_NOTHING = { tables: [], schemas: [] };

interface Props {
  label: string;
  text: string;
  placeholder: string;
  onChange: (text: string) => void;
}

/** A script in the editor: what it names may not exist yet, so nothing is proposed but words of SQL. */
export default function Script({ label, text, placeholder, onChange }: Props) {
  const id = `script-${useId()}`;
  useEffect(() => () => drop(id), [id]);
  return (
    <Editor
      id={id}
      text={text}
      label={label}
      placeholder={placeholder}
      known={KNOWS_NOTHING}
      onChange={onChange}
      ref={null}
    />
  );
}
