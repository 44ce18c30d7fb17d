import { useMutation } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { inviteCreate } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { type Place, PlaceFields } from "../shared/Place";
import { RoleSelect } from "../shared/RoleSelect";
import { ShownOnce } from "../shared/ShownOnce";

interface Given extends Place {
  id: string;
  role: string;
}

/** Who is let in, as what; then the link, once. */
export function InviteSheet({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { project } = useScope();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("member");
  const [given, setGiven] = useState<readonly Given[]>([]);
  const [key] = useState(once);
  const patch = (id: string, change: Partial<Given>) =>
    setGiven((before) => before.map((each) => (each.id === id ? { ...each, ...change } : each)));
  const make = useMutation({
    mutationFn: () =>
      data(
        inviteCreate({
          body: {
            email,
            role,
            grants: given.map((each) => ({
              role: each.role,
              project_id: each.project,
              environment_id: each.environment || null,
            })),
          },
          headers: key,
        }),
      ),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["people", "invites"] }),
  });
  const error = make.error ? asError(make.error) : null;
  if (make.data?.link) return <Made email={make.data.email} link={make.data.link} onClose={onClose} />;
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={onClose}
      title={t("people:invite")}
      lead={t("people:inviteLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="invite-form" busy={make.isPending}>
            {t("people:sendInvite")}
          </Button>
        </>
      }
    >
      <form
        id="invite-form"
        className="grid gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <Field label={t("people:email")} error={error?.fields.email}>
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
        <Field label={t("people:inviteRole")} hint={t("people:inviteRoleHint")} error={error?.fields.role}>
          {(own) => <RoleSelect {...own} value={role} onChange={setRole} />}
        </Field>
        <fieldset className="grid gap-3">
          <legend className="mb-2 font-medium text-xs">{t("people:inPlaces")}</legend>
          {given.map((each) => (
            <div key={each.id} className="grid gap-3 rounded-lg border p-3">
              <PlaceFields value={each} onChange={(place) => patch(each.id, place)} />
              <div className="flex items-end gap-2">
                <div className="flex-1">
                  <Field label={t("people:role")}>
                    {(own) => (
                      <RoleSelect
                        {...own}
                        without={["member"]}
                        value={each.role}
                        onChange={(next) => patch(each.id, { role: next })}
                      />
                    )}
                  </Field>
                </div>
                <Button
                  look="quiet"
                  size="icon"
                  aria-label={t("people:removePlace")}
                  icon={<Trash2 />}
                  onClick={() => setGiven(given.filter(({ id }) => id !== each.id))}
                />
              </div>
            </div>
          ))}
          <Button
            className="justify-self-start"
            icon={<Plus />}
            onClick={() =>
              setGiven([
                ...given,
                { id: crypto.randomUUID(), project: project?.id ?? "", environment: "", role: "viewer" },
              ])
            }
          >
            {t("people:addPlace")}
          </Button>
        </fieldset>
        {error && <ErrorText error={error} />}
      </form>
    </Dialog>
  );
}

function Made({ email, link, onClose }: { email: string; link: string; onClose: () => void }) {
  const { t } = useTranslation();
  const subject = encodeURIComponent(t("people:mailSubject"));
  const body = encodeURIComponent(t("people:mailBody", { link }));
  return (
    <ShownOnce
      title={t("people:linkTitle", { email })}
      lead={t("people:linkLead")}
      text={link}
      onClose={onClose}
      foot={
        <Button asChild>
          <a href={`mailto:${encodeURIComponent(email)}?subject=${subject}&body=${body}`}>{t("people:mail")}</a>
        </Button>
      }
    />
  );
}
