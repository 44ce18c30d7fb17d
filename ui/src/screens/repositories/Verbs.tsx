import { useMutation } from "@tanstack/react-query";
import {
  BadgeCheck,
  Copy,
  Ellipsis,
  FileKey2,
  FolderInput,
  KeyRound,
  LockKeyhole,
  Plug,
  RotateCw,
  Ruler,
  Star,
  Trash2,
  Unplug,
  Wrench,
} from "lucide-react";
import { type ComponentType, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type RepositoryOut, repositoryCheck, repositoryDefault, repositoryRemove, repositoryTest } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Item, Line, Menu } from "@/parts/Menu";
import { useBegun } from "@/parts/useBegun";
import { useGo } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { CredentialSheet, DeletesSheet, FileKeySheet } from "./Access";
import { RevealKey } from "./RevealKey";
import { AdoptAgainSheet, CheckSheet, CopySheet, GcSheet, RepairSheet, RotateSheet, UsageSheet } from "./Tasks";

type Sheet = ComponentType<{ repository: RepositoryOut; onClose: () => void }>;

const SHEETS: Record<string, Sheet> = {
  key: RevealKey,
  checkMore: CheckSheet,
  usage: UsageSheet,
  gc: GcSheet,
  repair: RepairSheet,
  copy: CopySheet,
  rotate: RotateSheet,
  adoptAgain: AdoptAgainSheet,
  credential: CredentialSheet,
  deletes: DeletesSheet,
  chooseKey: FileKeySheet,
};

/** What each sheet needs: a right, and of the repository that it has something in it, or that its format can. */
function offered(repository: RepositoryOut, can: ReturnType<typeof useCan>) {
  const used = repository.state !== "new";
  const able = (ability: string) => repository.abilities.includes(ability);
  const remote = repository.kind !== "local";
  const all: [string, boolean, ReactNode][] = [
    ["checkMore", used && can("repository.check"), <BadgeCheck key="icon" />],
    ["usage", used && can("repository.check") && able("dedup"), <Ruler key="icon" />],
    ["gc", used && can("repository.gc"), <Trash2 key="icon" />],
    ["repair", used && able("repairs") && can("repository.check", "repository.repair"), <Wrench key="icon" />],
    ["copy", used && able("copies") && can("repository.key.rotate"), <Copy key="icon" />],
    ["adoptAgain", used && can("repository.create"), <FolderInput key="icon" />],
    ["rotate", used && able("rekeys") && can("repository.key.rotate"), <RotateCw key="icon" />],
    ["chooseKey", repository.format === "plain" && can("repository.update"), <FileKey2 key="icon" />],
    ["credential", remote && can("repository.update"), <KeyRound key="icon" />],
    ["deletes", remote && can("repository.update"), <LockKeyhole key="icon" />],
  ];
  return all.filter(([, shown]) => shown);
}

/** What one does with a repository: two verbs seen, the others behind the menu. */
export function Verbs({ repository }: { repository: RepositoryOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const [asked, setAsked] = useState<string | null>(null);
  const path = { repository_id: repository.id };
  const begun = useBegun();
  const check = useMutation({ mutationFn: () => data(repositoryCheck({ path, body: {} })), onSuccess: begun });
  const answered = (now: RepositoryOut) => {
    queries.setQueryData(["repositories", now.id], now);
    void queries.invalidateQueries({ queryKey: ["repositories"] });
  };
  const makeDefault = useMutation({ mutationFn: () => data(repositoryDefault({ path })), onSuccess: answered });
  const test = useMutation({
    mutationFn: () => data(repositoryTest({ path })),
    onSuccess: (now) => {
      answered(now);
      toast.good(t("repositories:tested"));
    },
  });
  const close = () => setAsked(null);
  const Asked = asked ? SHEETS[asked] : undefined;
  const some = offered(repository, can);
  const tests = can("repository.check") && repository.kind !== "local";
  const defaults = can("repository.update") && !repository.is_default;
  const removes = can("repository.delete");
  return (
    <>
      {can("repository.check") && repository.state !== "new" && (
        <Button icon={<BadgeCheck />} busy={check.isPending} onClick={() => check.mutate()}>
          {t("repositories:check")}
        </Button>
      )}
      {can("repository.key.reveal") && (
        <Button icon={<KeyRound />} onClick={() => setAsked("key")}>
          {t("repositories:key")}
        </Button>
      )}
      {(some.length > 0 || tests || defaults || removes) && (
        <Menu align="end" wide trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
          {some.map(([id, , icon]) => (
            <Item key={id} icon={icon} onSelect={() => setAsked(id)}>
              {t(`repositories:${id}`)}
            </Item>
          ))}
          {tests && (
            <Item icon={<Plug />} onSelect={() => test.mutate()}>
              {t("repositories:test")}
            </Item>
          )}
          {defaults && (
            <Item icon={<Star />} onSelect={() => makeDefault.mutate()}>
              {t("repositories:makeDefault")}
            </Item>
          )}
          {removes && (some.length > 0 || tests || defaults) && <Line />}
          {removes && (
            <Item icon={<Unplug />} onSelect={() => setAsked("detach")}>
              {t("repositories:detach")}
            </Item>
          )}
          {removes && (
            <Item icon={<Trash2 />} danger onSelect={() => setAsked("delete")}>
              {t("repositories:delete")}
            </Item>
          )}
        </Menu>
      )}
      {Asked && <Asked repository={repository} onClose={close} />}
      {(["detach", "delete"] as const).map((how) => (
        <Confirm
          key={how}
          open={asked === how}
          onOpenChange={(open) => !open && close()}
          danger
          title={t(`repositories:${how}Title`, { name: repository.name })}
          lead={t(`repositories:${how}Lead`)}
          verb={t(`repositories:${how}`)}
          name={repository.name}
          act={async () => {
            await data(repositoryRemove({ path, body: { confirm: repository.name, files: how === "delete" } }));
            await queries.invalidateQueries({ queryKey: ["repositories"] });
            go("/repositories");
          }}
        />
      ))}
    </>
  );
}
