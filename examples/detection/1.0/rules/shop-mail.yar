rule script_in_an_invoice {
    meta:
        author = "L. Brandt"
        severity = "suspicious"
        reason = "a script that speaks of an invoice and starts programs"
    strings:
        $invoice = "invoice" nocase
        $start = "WScript.Shell" nocase
    condition:
        all of them and filesize < 64KB
}
