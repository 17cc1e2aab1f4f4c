package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** The PostgreSQL database that holds the queue and that the SQL of trigger and Unit runs in. */
@JsonClassDescription(
    "The PostgreSQL database that holds the queue and that the SQL of trigger and Unit runs in.")
@ValidationRule(
    value =
        "!has(self.secretName) || self.secretName.matches(r'" + Rules.SECRET_NAME_PATTERN + "')",
    fieldPath = ".secretName",
    message = Rules.SECRET_NAME)
public record Database(
    @JsonPropertyDescription(
            "Secret of the same namespace with the keys jdbc-uri (or host, port and dbname),"
                + " username and password. The operator may read it only when the chart's value"
                + " database.secretNames lists it.")
        @Default("koyomi-database")
        @Size(max = 253)
        @Nullable String secretName,
    @JsonPropertyDescription(
            "Auto: the operator brings the queue's schema up to date. Never: it waits until"
                + " somebody has.")
        @Default("Auto")
        @Nullable Migrate migrate) {
  public enum Migrate {
    Auto,
    Never
  }
}
