import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Field, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { toast } from "@/shell/toasts";
import { type KeyOut, type Place, readAgain, write } from "./client";
import { ElementFields, EMPTY, said } from "./ElementForm";
import { LifeField } from "./ExpiryDialog";
import { elementsOf, type KeyType, momentIn, TYPES, type Unit } from "./elements";
import { KeyNameField } from "./KeyNameField";
import { typedName } from "./names";

interface Props {
  place: Place;
  onMade: (key: KeyOut) => void;
  onClose: () => void;
}

/** A new key; one of the same name is never written over. */
export function KeyForm({ place, onMade, onClose }: Props) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [type, setType] = useState<KeyType>("string");
  const [text, setText] = useState("");
  const [pairs, setPairs] = useState(EMPTY);
  const [life, setLife] = useState("");
  const [unit, setUnit] = useState<Unit>("min");
  async function save() {
    const made = await write(place, {
      name: typedName(name),
      type,
      elements: said(t, () => elementsOf(type, text, pairs)),
      expires_at: life === "" ? null : momentIn(Number(life), unit),
      create: true,
    });
    toast.good(t("keys:made"));
    void readAgain(place);
    if (made) onMade(made);
  }
  return (
    <FormDialog as="sheet" title={t("keys:new")} verb={t("keys:create")} save={save} onClose={onClose}>
      <KeyNameField value={name} onChange={setName} />
      <Field label={t("keys:type")}>
        {(given) => (
          <Select {...given} value={type} onChange={(event) => setType(event.target.value as KeyType)}>
            {TYPES.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </Select>
        )}
      </Field>
      <ElementFields type={type} text={text} pairs={pairs} onText={setText} onPairs={setPairs} />
      <LifeField count={life} unit={unit} onCount={setLife} onUnit={setUnit} />
    </FormDialog>
  );
}
