package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** The PostgreSQL database that holds the queue and that the SQL of trigger and Unit runs in. */
@JsonClassDescription(
    "The PostgreSQL database that holds the queue and that the SQL of trigger and Unit runs in.")
public record Database(
    @JsonPropertyDescription(
            "Secret of the same namespace with the keys jdbc-uri (or host, port and dbname),"
                + " username and password. The operator may read it only when the chart's value"
                + " database.secretNames lists it.")
        @Default("koyomi-database")
        @Size(min = 1, max = 253)
        @Pattern("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
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
