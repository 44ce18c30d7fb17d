import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, Server, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type NodeOut, nodeList, nodeRemove } from "@/api";
import { Button } from "@/parts/Button";
import { Entries, Entry } from "@/parts/Entries";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { Section } from "@/parts/Page";
import { Badge, Time } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { Asked } from "../Asked";
import { Switch } from "../Switch";

/** The machines that carry this installation, by their heartbeat. */
export function Nodes() {
  const { t } = useTranslation();
  const nodes = useQuery({
    queryKey: ["nodes"],
    queryFn: async () => (await data(nodeList({ query: { limit: 200 } }))).items,
    staleTime: 0,
  });
  return (
    <Section title={t("system:nodes")}>
      <Asked of={nodes}>
        {(found) => (
          <Entries label={t("system:nodes")}>
            {found.map((each) => (
              <Node key={each.name} node={each} />
            ))}
          </Entries>
        )}
      </Asked>
    </Section>
  );
}

function Node({ node }: { node: NodeOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [removing, setRemoving] = useState(false);
  const { databases, repositories, snapshots, runs, runners } = node.living;
  return (
    <Entry
      icon={<Server className="size-4 text-muted" aria-hidden />}
      title={node.name}
      state={
        <>
          {node.alive ? (
            <Badge tone="good" icon={<CircleCheck />}>
              {t("system:alive")}
            </Badge>
          ) : (
            <Badge tone="bad" icon={<CircleX />}>
              {t("system:silent")}
            </Badge>
          )}
          {node.here && <Badge tone="info">{t("system:thisNode")}</Badge>}
        </>
      }
      lead={
        <>
          {t("system:living", { databases, repositories, snapshots })} · {t("system:working", { runs, runners })}
          <span className="block">
            {t("system:beat")} <Time at={node.beat_at} /> · {node.version} · {node.addresses.join(", ")}
          </span>
        </>
      }
    >
      {!node.alive && can("system.admin") && (
        <Button size="small" icon={<Trash2 />} onClick={() => setRemoving(true)}>
          {t("system:remove")}
        </Button>
      )}
      {removing && <Remove node={node} onClose={() => setRemoving(false)} />}
    </Entry>
  );
}

function Remove({ node, onClose }: { node: NodeOut; onClose: () => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [lost, setLost] = useState(false);
  const { databases, snapshots, runs } = node.living;
  return (
    <FormDialog
      as="dialog"
      danger
      title={t("system:removeTitle", { name: node.name })}
      lead={t("system:removeLead")}
      verb={t("system:remove")}
      save={async () => {
        await data(nodeRemove({ path: { node_id: node.name }, body: { confirm: typed, lost } }));
        await queries.invalidateQueries({ queryKey: ["nodes"] });
      }}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          {databases + snapshots + runs > 0 && (
            <Switch
              title={t("system:lost")}
              lead={t("system:lostLead", { databases, snapshots })}
              checked={lost}
              onChange={setLost}
            />
          )}
          <Field label={t("shell:typeName", { name: node.name })} error={wrong.confirm}>
            {(given) => (
              <Input
                {...given}
                required
                autoComplete="off"
                spellCheck={false}
                className="font-mono"
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </FormDialog>
  );
}
