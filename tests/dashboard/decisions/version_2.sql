-- Written by a TaxoScope whose tables were of version 2; decision 4 has an answer of a later one.
BEGIN TRANSACTION;
CREATE TABLE decisions (
        decision_id INTEGER PRIMARY KEY AUTOINCREMENT,
        client_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        time DATETIME NOT NULL,
        reviewer TEXT NOT NULL,
        image_id TEXT NOT NULL,
        answer TEXT NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        note TEXT NOT NULL,
        undoes INTEGER REFERENCES decisions (decision_id),
        runs JSON NOT NULL,
        maps_shown BOOLEAN NOT NULL,
        blind BOOLEAN NOT NULL,
        chosen_by TEXT NOT NULL,
        taxonomy TEXT NOT NULL, batch TEXT NOT NULL DEFAULT '', adjudicates BOOLEAN NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
        UNIQUE (client_id, seq)
    );
INSERT INTO "decisions" VALUES(1,'browser-1',1,'2026-01-01 12:00:00.000000','Ann','i1','relabel','a','b','',NULL,'[]',0,0,'','','',0,'');
INSERT INTO "decisions" VALUES(2,'browser-1',2,'2026-01-01 12:00:00.000000','Ann','i1','undo','a','a','',1,'[]',0,0,'','','',0,'');
INSERT INTO "decisions" VALUES(3,'browser-1',3,'2026-01-01 12:00:00.000005','Ann','i2','relabel','a','b','caliper, not a “spot” 🔍',NULL,'["fine-s0", "x-s1"]',1,1,'random','fine v1','g-7',1,'');
INSERT INTO "decisions" VALUES(4,'browser-2',1,'2026-01-01 12:00:00.000000','Ann','i3','escalate','a','b','',NULL,'[]',0,0,'','','',0,'');
INSERT INTO "decisions" VALUES(5,'browser-1',9,'2026-01-01 12:00:00.000000','Ann','i4','skip','a','a','',NULL,'[]',0,0,'','','',0,'');
CREATE INDEX decisions_by_image ON decisions (image_id);
CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER decisions_are_not_deleted BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER decisions_are_not_replaced BEFORE INSERT ON decisions
    WHEN EXISTS (
        SELECT 1 FROM decisions
        WHERE decision_id = NEW.decision_id OR (client_id = NEW.client_id AND seq = NEW.seq)
    )
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE INDEX decisions_by_batch ON decisions (batch) WHERE batch != '';
COMMIT;
PRAGMA application_id = 1415673967;
PRAGMA user_version = 2;
