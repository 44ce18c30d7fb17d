import { useQuery } from "@tanstack/react-query";
import type { ComponentProps } from "react";
import { Select } from "@/parts/Field";
import { useCan } from "@/shell/session";
import { roles } from "./roles";

const SHIPPED = ["owner", "admin", "developer", "operator", "viewer", "member"];

interface Props extends Omit<ComponentProps<"select">, "onChange" | "value"> {
  value: string;
  onChange: (role: string) => void;
  /** Roles that say nothing here, such as `member` in a project. */
  without?: readonly string[];
}

/** One of the roles; whoever may not list them still knows the shipped ones. */
export function RoleSelect({ value, onChange, without = [], ...rest }: Props) {
  const can = useCan();
  const { data: found } = useQuery({ ...roles, enabled: can("role.read") });
  const names = (found?.map(({ name }) => name) ?? SHIPPED).filter((name) => !without.includes(name));
  return (
    <Select {...rest} value={value} onChange={(event) => onChange(event.target.value)}>
      {!names.includes(value) && <option value={value}>{value}</option>}
      {names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </Select>
  );
}
