import { isAble, isForeign } from "../able";
import type { TabProps } from "../tabs";
import { Extensions } from "./Extensions";
import { Parameters } from "./Parameters";
import { Resize } from "./Resize";

/** Limits, the server's own settings, and what may be added to it. */
export function EnginePart(props: TabProps) {
  const { database, engine } = props;
  const isReady = database.state === "ready";
  return (
    <>
      {engine && isAble(engine, "resize") && !isForeign(database) && (
        <Resize key={JSON.stringify(database.spec)} database={database} engine={engine} />
      )}
      {isAble(engine, "tune") && isReady && <Parameters {...props} />}
      {isAble(engine, "extend") && isReady && <Extensions {...props} />}
    </>
  );
}
