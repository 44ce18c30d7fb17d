import { useState } from "react";
import { useTranslation } from "react-i18next";
import { grantCreate, type UserOut } from "@/api";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { nameOf } from "../people/words";
import { PlaceFields } from "../shared/Place";
import { RoleSelect } from "../shared/RoleSelect";

/** A role for a person, where. */
export function GiveRole({ user, onClose }: { user?: UserOut; onClose: () => void }) {
  const { t } = useTranslation();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("viewer");
  const [place, setPlace] = useState({ project: "", environment: "" });
  const [key] = useState(once);
  async function give() {
    const where = { project_id: place.project || null, environment_id: place.environment || null };
    const body = { role, ...(user ? { user_id: user.id } : { email }), ...where };
    await data(grantCreate({ body, headers: key }));
    void queries.invalidateQueries({ queryKey: ["grants"] });
  }
  return (
    <FormDialog
      title={t("roles:giveTitle")}
      lead={user && nameOf(user)}
      verb={t("roles:give")}
      save={give}
      onClose={onClose}
    >
      {!user && (
        <Field label={t("roles:to")}>
          {(own) => (
            <Input
              {...own}
              type="email"
              required
              autoFocus
              autoComplete="off"
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          )}
        </Field>
      )}
      <Field label={t("roles:one")}>
        {(own) => <RoleSelect {...own} without={["member"]} value={role} onChange={setRole} />}
      </Field>
      <PlaceFields everywhere value={place} onChange={setPlace} />
    </FormDialog>
  );
}
