package dev.koyomi.runner.db;

import com.zaxxer.hikari.SQLExceptionOverride;
import java.sql.SQLException;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;

/**
 * Keeps connections that are good. The pool takes some SQLSTATEs for a connection that is gone, and
 * closes it: 0A000, which PostgreSQL gives to much that a person can write, and those of class 08,
 * which come from foreign servers too. What the server says as an error of a statement leaves its
 * session as it was.
 */
final class StatementErrors implements SQLExceptionOverride {
  @java.lang.Override
  public SQLExceptionOverride.Override adjudicate(SQLException error) {
    return error instanceof PSQLException said
            && said.getServerErrorMessage() != null
            && (PSQLState.NOT_IMPLEMENTED.getState().equals(said.getSQLState())
                || "ERROR".equals(said.getServerErrorMessage().getSeverity()))
        ? SQLExceptionOverride.Override.DO_NOT_EVICT
        : SQLExceptionOverride.Override.CONTINUE_EVICT;
  }
}
