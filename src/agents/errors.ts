/** email_taken: another agent has this address. agent_unknown: there is none of this id. agent_revoked: it may do nothing any more. */
export class AgentError extends Error {
  readonly code: 'email_taken' | 'agent_unknown' | 'agent_revoked';
  constructor(code: AgentError['code'], message: string) {
    super(message);
    this.name = 'AgentError';
    this.code = code;
  }
}
