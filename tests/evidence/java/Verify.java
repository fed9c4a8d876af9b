import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.ers.ERSByteData;
import org.bouncycastle.tsp.ers.ERSData;
import org.bouncycastle.tsp.ers.ERSDataGroup;
import org.bouncycastle.tsp.ers.ERSEvidenceRecord;

/** Verifies RFC 4998 evidence records with BouncyCastle. Each argument is a folder with record.ers, signer.der (of the
 * last token) and the objects 0, 1, ... of one group; for each a line is printed: the folder, then "ok" or why not. */
public class Verify {
    public static void main(String[] folders) throws Exception {
        BouncyCastleProvider provider = new BouncyCastleProvider();
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().setProvider(provider).build();
        for (String folder : folders) {
            System.out.println(folder + " " + judge(Path.of(folder), digests, provider));
        }
    }

    private static String judge(Path folder, DigestCalculatorProvider digests, BouncyCastleProvider provider) {
        try {
            List<ERSData> objects = new ArrayList<>();
            for (int n = 0; Files.exists(folder.resolve("" + n)); n++) {
                objects.add(new ERSByteData(Files.readAllBytes(folder.resolve("" + n))));
            }
            byte[] encoded = Files.readAllBytes(folder.resolve("record.ers"));
            ERSEvidenceRecord record = new ERSEvidenceRecord(encoded, digests);
            ERSData proven = objects.size() == 1 ? objects.get(0) : new ERSDataGroup(objects);
            record.validatePresent(proven, new Date(4102444800000L));
            X509CertificateHolder signer =
                new X509CertificateHolder(Files.readAllBytes(folder.resolve("signer.der")));
            record.validate(new JcaSimpleSignerInfoVerifierBuilder().setProvider(provider).build(signer));
            return "ok";
        } catch (Exception error) {
            return "refused: " + error;
        }
    }
}
